package runnertest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
	"spell/rl/runner"
	"spell/rl/sft"
)

// A forgetful method's recipe restores what change makes of its state.
type forgetful struct {
	*sft.Method
	change func(json.RawMessage) json.RawMessage
}

type forgetfulRun struct {
	*sft.Run
	change func(json.RawMessage) json.RawMessage
}

func (m forgetful) Begin(ctx context.Context, on runner.Model) (runner.Recipe, error) {
	r, err := m.Method.Begin(ctx, on)
	if err != nil {
		return nil, err
	}
	return forgetfulRun{r.(*sft.Run), m.change}, nil
}

func (r forgetfulRun) Restore(state json.RawMessage) error { return r.Run.Restore(r.change(state)) }

// TestResumes: fine-tuning can be interrupted, and a recipe that forgets something is found out.
func TestResumes(t *testing.T) {
	b, err := cpu.New(cpu.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	data := filepath.Join(t.TempDir(), "data.jsonl")
	var lines strings.Builder
	for _, word := range strings.Fields("red green blue town") {
		lines.WriteString(`{"prompt": "say ` + word + ` :", "answer": " ` + word + ` ."}` + "\n")
	}
	if err := os.WriteFile(data, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	c := sft.Default()
	c.Batch, c.Epochs, c.HeldOut, c.Measure, c.Checkpoint, c.PassTokens, c.Optim.LR = 2, 3, 0.25, 2, 2, 256, 1e-4
	replace := func(old, new string) func(json.RawMessage) json.RawMessage {
		return func(s json.RawMessage) json.RawMessage {
			return json.RawMessage(strings.NewReplacer(old, new).Replace(string(s)))
		}
	}
	for _, tt := range []struct {
		name   string
		change func(json.RawMessage) json.RawMessage
		say    string // of the error; empty: there is none
	}{
		{"nothing is forgotten", replace("", ""), ""},
		{"the step", replace(`"step":`, `"stop":`), "differs"},
		{"the data", replace(`"data":`, `"date":`), "not the file the run began with"},
		{"what was measured", replace(`"measured":`, `"measure":`), "differs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Resumes(t.TempDir(), 6, b, model.F32, func() runner.Method {
				return forgetful{&sft.Method{Config: c, Data: data}, tt.change}
			})
			if (err == nil) != (tt.say == "") || err != nil && !strings.Contains(err.Error(), tt.say) {
				t.Errorf("the error is %v, want one with %q", err, tt.say)
			}
		})
	}
}
