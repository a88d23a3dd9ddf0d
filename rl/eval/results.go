package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"spell/rl/lock"
	"spell/rl/plural"
	"spell/tensor/atomicfile"
)

// Settings are what the lines of a results file follow from. Those of two runs are equal, or one cannot
// go on with the other's file.
type Settings struct {
	Format     int      `json:"spell_eval"` // of the file
	Benchmarks []string `json:"bench"`
	N          int      `json:"n"`
	Limit      int      `json:"limit,omitempty"`
	Length     int      `json:"length,omitempty"`
	Model      string   `json:"model"` // how the model is known whatever its path
	YaRN       float64  `json:"yarn,omitempty"`
	Precision  string   `json:"precision"`
	Template   string   `json:"template,omitempty"`
	NoThinking bool     `json:"no_thinking,omitempty"`
	Prompts    string   `json:"prompts"` // SHA-256 of the prompt texts
	MaxInput   int      `json:"max_input"`
	MaxTokens  int      `json:"max_tokens"`
	Temp       float64  `json:"temperature"`
	TopP       float64  `json:"top_p"`
	TopK       int      `json:"top_k,omitempty"`
	Seed       uint64   `json:"seed"`
	Strict     bool     `json:"strict,omitempty"`
	Blind      bool     `json:"closed_book,omitempty"`
	Questions  string   `json:"questions"` // SHA-256 of the questions in their order
	Judge      string   `json:"judge"`
	JudgeModel string   `json:"judge_model,omitempty"`
}

// Format is that of the results files that are written.
const Format = 1

// differs says which setting of a file differs first; empty if none does.
func (s Settings) differs(file Settings) string {
	spelled := func(s Settings) map[string]json.RawMessage {
		raw, err := json.Marshal(s)
		fields := map[string]json.RawMessage{}
		if err != nil || json.Unmarshal(raw, &fields) != nil {
			return nil
		}
		return fields
	}
	is, was := spelled(s), spelled(file)
	for f := range reflect.TypeFor[Settings]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if bytes.Equal(is[name], was[name]) {
			continue
		}
		switch name {
		case "model":
			return "of another model"
		case "questions":
			return "of other questions, as if files of --data had changed"
		case "prompts":
			return "of other prompt texts"
		}
		or := func(raw json.RawMessage) string {
			if raw == nil {
				return "unset"
			}
			return string(raw)
		}
		return fmt.Sprintf("of %s %s, and now it is %s", name, or(was[name]), or(is[name]))
	}
	return ""
}

// Results are a results file: a line of settings and one per question that is finished, in the order
// of the questions.
type Results struct {
	path string
	file *os.File
	lock *lock.Lock // so that two processes do not write to one file

	Lines []*Line // that are finished
}

// OpenResults opens the file of a run of so many questions, or begins it. Lines that are there stay,
// and a last one that was cut off by a crash is removed. A file of other settings is refused, and so is one
// that another process has.
func OpenResults(path string, s Settings, questions int) (*Results, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	r := &Results{path: path, file: f}
	if r.lock, err = lock.Acquire(path); err == nil {
		err = r.read(s, questions)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// read reads what is there, or writes the settings.
func (r *Results) read(s Settings, questions int) error {
	raw, err := io.ReadAll(r.file)
	if err != nil {
		return fmt.Errorf("reading %s: %w", r.path, atomicfile.Cause(err))
	}
	whole := bytes.LastIndexByte(raw, '\n') + 1
	lines := bytes.SplitAfter(raw[:whole], []byte("\n"))
	lines = lines[:len(lines)-1]
	const mend = "name another file with --out, or remove it"
	if len(lines) == 0 {
		const begin = `{"spell_eval":`
		if n := min(len(raw), len(begin)); string(raw[:n]) != begin[:n] {
			return fmt.Errorf("%s is no results file of spell eval; %s", r.path, mend)
		}
		if err := r.truncate(0); err != nil {
			return err
		}
		return r.write(s)
	}
	var was Settings
	if err := json.Unmarshal(lines[0], &was); err != nil || was.Format == 0 {
		return fmt.Errorf("%s is no results file of spell eval; %s", r.path, mend)
	}
	if d := s.differs(was); d != "" {
		return fmt.Errorf("the results in %s are %s; give the settings it was begun with to go on, or %s",
			r.path, d, mend)
	}
	for i, raw := range lines[1:] {
		var l Line
		if err := json.Unmarshal(raw, &l); err != nil || l.ID == "" {
			return fmt.Errorf("%s, line %d is no line of spell eval; remove it and those behind it to have their "+
				"questions asked again", r.path, i+2)
		}
		r.Lines = append(r.Lines, &l)
	}
	if len(r.Lines) > questions {
		return fmt.Errorf("%s has %s, and there are %d questions; %s", r.path, plural.Of(len(r.Lines), "line"),
			questions, mend)
	}
	return r.truncate(int64(whole))
}

func (r *Results) truncate(size int64) error {
	if err := r.file.Truncate(size); err != nil {
		return fmt.Errorf("writing %s: %w", r.path, atomicfile.Cause(err))
	}
	_, err := r.file.Seek(size, io.SeekStart)
	return err
}

// write appends a line and has it on the disk.
func (r *Results) write(v any) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	if err == nil {
		_, err = r.file.Write(line.Bytes())
	}
	if err == nil {
		err = r.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w; what is there stays, and the same command goes on", r.path,
			atomicfile.Cause(err))
	}
	return nil
}

// Add appends the line of the next question.
func (r *Results) Add(l *Line) error {
	if err := r.write(l); err != nil {
		return err
	}
	r.Lines = append(r.Lines, l)
	return nil
}

// Close closes the file.
func (r *Results) Close() (err error) {
	r.lock.Release(func() { err = r.file.Close() })
	return err
}
