package runnertest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl/runner"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// Tiny returns the configuration of a decoder of a few thousand parameters, whose outputs end in
// one of the tokens eos.
func Tiny(vocab, context int, eos ...int32) model.Config {
	return model.Config{Family: "llama", Vocab: vocab, Hidden: 16, FF: 24, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 8,
		Tied: true, NormEps: 1e-6, Context: context, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: eos}
}

// Random returns a decoder of random weights for training.
func Random(b kernels.Backend, c model.Config, p model.Precision) (*model.Weights, error) {
	w, err := model.NewWeights(b, c, p, model.Training)
	if err != nil {
		return nil, err
	}
	w.Initialize(b, 1, model.Init{Embedding: 0.5, Matrix: 1, Residual: 1})
	return w, nil
}

// Dialog returns the text side of a model's folder with a tokenizer and a chat template; without
// one if template is empty.
func Dialog(t testing.TB, tok *tokenizer.Tokenizer, template string) *chat.Dialog {
	t.Helper()
	dir := t.TempDir()
	if err := tok.WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if template != "" {
		config, err := json.Marshal(map[string]string{"chat_template": template})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), config, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := chat.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Numbers returns those of weights and optimizer, parameter by parameter.
func Numbers(b kernels.Backend, w *model.Weights) (all [][]float32) {
	for _, p := range w.Params {
		n := p.Rows * p.Cols
		v := make([]float32, 4*n)
		kernels.Download(b, v[:n], p.W)
		kernels.Download(b, v[n:2*n], p.Master)
		kernels.Download(b, v[2*n:3*n], p.M)
		kernels.Download(b, v[3*n:], p.V)
		all = append(all, v)
	}
	return all
}

// State returns the state of a recipe as a checkpoint holds it.
func State(t testing.TB, r interface{ State() (any, error) }) string {
	t.Helper()
	s, err := r.State()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Outcome returns the files of the checkpoints after those steps of a run, and the logs that it
// has.
func Outcome(t testing.TB, dir string, steps ...int) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, n := range steps {
		name := train.Name(n)
		found, err := files(filepath.Join(dir, name))
		if err != nil || len(found) == 0 {
			t.Fatalf("no checkpoint %s: %v", name, err)
		}
		for file, text := range found {
			all[name+file] = text
		}
	}
	for _, name := range []string{runner.MetricsFile, runner.TranscriptFile, runner.QuestionsFile} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(raw)
	}
	return all
}

// Same fails a test unless the files of a run are those of another.
func Same(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	if err := difference(got, want); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}
