package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/model/card"
	"spell/model/train"
	"spell/rl/budget"
)

// flip changes a bit of a file, at that share of its length.
func flip(t *testing.T, path string, at float64) {
	t.Helper()
	raw, err := os.ReadFile(path)
	must(t, err)
	raw[int(at*float64(len(raw)-1))] ^= 4
	must(t, os.WriteFile(path, raw, 0o666))
}

// zeroEnd overwrites the last bytes of a file with zeros, as a power cut leaves it.
func zeroEnd(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	must(t, err)
	clear(raw[len(raw)-len(raw)/4:])
	must(t, os.WriteFile(path, raw, 0o666))
}

// broken are the ways in which a checkpoint may be.
var broken = map[string]func(t *testing.T, at string){
	"a file is missing": func(t *testing.T, at string) { must(t, os.Remove(filepath.Join(at, "training/optimizer.safetensors"))) },
	"truncated":         func(t *testing.T, at string) { must(t, os.Truncate(filepath.Join(at, "model.safetensors"), 900)) },
	"an empty folder": func(t *testing.T, at string) {
		must(t, os.RemoveAll(at))
		must(t, os.Mkdir(at, 0o777))
	},
	"no state":        func(t *testing.T, at string) { must(t, os.Remove(filepath.Join(at, "training/state.json"))) },
	"a state of none": func(t *testing.T, at string) { must(t, os.Truncate(filepath.Join(at, "training/state.json"), 0)) },
	"a state of waste": func(t *testing.T, at string) {
		must(t, os.WriteFile(filepath.Join(at, "training/state.json"), []byte("\x00{]"), 0o666))
	},
	"a state of another program": func(t *testing.T, at string) {
		must(t, os.WriteFile(filepath.Join(at, "training/state.json"), []byte(`{"epoch": 3}`), 0o666))
	},
	"no config":    func(t *testing.T, at string) { must(t, os.Remove(filepath.Join(at, "config.json"))) },
	"no tokenizer": func(t *testing.T, at string) { must(t, os.Remove(filepath.Join(at, "tokenizer.json"))) },
	"a tokenizer that is cut off": func(t *testing.T, at string) {
		must(t, os.Truncate(filepath.Join(at, "tokenizer.json"), 100))
	},
	"an empty tokenizer": func(t *testing.T, at string) { must(t, os.Truncate(filepath.Join(at, "tokenizer.json"), 0)) },
	"a broken tokenizer_config": func(t *testing.T, at string) {
		must(t, os.WriteFile(filepath.Join(at, "tokenizer_config.json"), []byte("{"), 0o666))
	},
	"a broken template": func(t *testing.T, at string) {
		must(t, os.WriteFile(filepath.Join(at, "chat_template.jinja"), []byte("{% for %}"), 0o666))
	},
}

// brokenInside are the ways in which only one who reads a whole checkpoint finds it broken.
var brokenInside = map[string]func(t *testing.T, at string){
	"a weight that is another": func(t *testing.T, at string) { flip(t, filepath.Join(at, "model.safetensors"), 0.9) },
	"moments that are lost":    func(t *testing.T, at string) { zeroEnd(t, filepath.Join(at, "training/optimizer.safetensors")) },
}

// withText makes the folder of a model that has all files of a text side, and returns a method that
// trains it.
func withText(t *testing.T) func() *fake {
	dir := t.TempDir()
	newFake().mustRun(t, dir, false)
	model := filepath.Join(dir, train.Name(5))
	for name, text := range map[string]string{
		"tokenizer_config.json": `{"eos_token": "<|end|>"}`,
		"chat_template.jinja":   "{% for m in messages %}{{ m.content }}{% endfor %}",
	} {
		must(t, os.WriteFile(filepath.Join(model, name), []byte(text), 0o666))
	}
	return func() *fake {
		f := newFake()
		f.model = model
		return f
	}
}

// resumes opens a copy of a run whose newest checkpoint was spoiled, and returns the step that it goes on
// from with what it says; if it is refused, only that.
func resumes(t *testing.T, dir string, alone bool, spoil func(newest string)) (step int, say string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "run")
	must(t, os.CopyFS(to, os.DirFS(dir)))
	if alone {
		must(t, os.RemoveAll(filepath.Join(to, train.Name(2))))
	}
	spoil(filepath.Join(to, train.Name(4)))
	before := files(t, to)
	defer func() { equal(t, files(t, to), before) }()
	f, err := Open(t.Context(), to, true, nil)
	if err != nil {
		return 0, err.Error()
	}
	defer f.Close()
	return f.saved.Step, strings.Join(f.Notes, "\n")
}

// TestDamage: damage of every kind to every file of the newest checkpoint but its card, which
// people edit, is found before anything is trained. The run goes on from the one before, or is
// refused if there is none, and says which file it is.
func TestDamage(t *testing.T) {
	model := withText(t)
	dir, elsewhere := t.TempDir(), t.TempDir()
	model().killAt(t, dir, 5, false)
	other := model()
	other.Seed, other.Optim.LR = 9, 1e-2
	other.killAt(t, elsewhere, 5, false)
	whole := files(t, filepath.Join(dir, train.Name(4)))
	if len(whole) < 7 {
		t.Fatalf("a checkpoint has %d files", len(whole))
	}
	copyOf := func(from string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			_, name, _ := strings.Cut(path, train.Name(4))
			raw, err := os.ReadFile(filepath.Join(from, name))
			must(t, err)
			must(t, os.WriteFile(path, raw, 0o666))
		}
	}
	kinds := map[string]func(t *testing.T, path string){
		"zero end":              zeroEnd,
		"deleted":               func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"empty":                 func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"of another checkpoint": copyOf(filepath.Join(dir, train.Name(2))),
		"of another run":        copyOf(filepath.Join(elsewhere, train.Name(4))),
		"truncated": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.Truncate(path, info.Size()-1))
		},
		"longer": func(t *testing.T, path string) {
			raw, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, append(raw, '\n'), 0o666))
		},
	}
	for name, at := range map[string]float64{"first bit": 0, "early bit": 0.02, "middle bit": 0.5, "late bit": 0.97,
		"last bit": 1} {
		kinds[name] = func(t *testing.T, path string) { flip(t, path, at) }
	}
	for name, text := range whole {
		for kind, damage := range kinds {
			for _, alone := range []bool{false, true} {
				same := false
				step, say := resumes(t, dir, alone, func(newest string) {
					path := filepath.Join(newest, name)
					damage(t, path)
					raw, err := os.ReadFile(path)
					same = err == nil && string(raw) == text || name == card.Name
				})
				what := name + ", " + kind
				switch {
				case same && (step != 4 || say != ""):
					t.Errorf("%s, which matters to nothing: from step %d, %q", what, step, say)
				case same:
				case !strings.Contains(say, filepath.Base(name)) || !strings.Contains(say, train.Name(4)):
					t.Errorf("%s: it says %q", what, say)
				case alone && (step != 0 || !strings.Contains(say, "restore it, or choose another --out")):
					t.Errorf("%s, alone: from step %d, %q", what, step, say)
				case !alone && (step != 2 || !strings.Contains(say, "going on from")):
					t.Errorf("%s: from step %d, %q", what, step, say)
				}
			}
		}
	}
}

// TestAdded: files that somebody adds to a checkpoint change nothing, unless the run would read them.
func TestAdded(t *testing.T) {
	dir := t.TempDir()
	newFake().killAt(t, dir, 5, false)
	for name, matters := range map[string]bool{"README.md": false, "adapter.safetensors": false, "sub/notes.txt": false,
		".hidden": false, "generation_config.json": true, "tokenizer_config.json": true, "chat_template.jinja": true,
		"special_tokens_map.json": false} {
		step, say := resumes(t, dir, false, func(newest string) {
			path := filepath.Join(newest, filepath.FromSlash(name))
			must(t, os.MkdirAll(filepath.Dir(path), 0o777))
			must(t, os.WriteFile(path, []byte("{}"), 0o666))
		})
		if matters && (step != 2 || !strings.Contains(say, name+" was added")) || !matters && (step != 4 || say != "") {
			t.Errorf("%s: from step %d, %q", name, step, say)
		}
	}
}

// undigested makes a checkpoint one that has no digests and all files in one folder, as programs wrote it
// before.
func undigested(t *testing.T, at string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(at, "training/state.json"))
	must(t, err)
	var state map[string]json.RawMessage
	must(t, json.Unmarshal(raw, &state))
	delete(state, "files")
	delete(state, "sha256")
	state["version"] = json.RawMessage("2")
	raw, err = json.Marshal(state)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(at, "state.json"), raw, 0o666))
	must(t, os.Rename(filepath.Join(at, "training/optimizer.safetensors"), filepath.Join(at, "optimizer.safetensors")))
	must(t, os.RemoveAll(filepath.Join(at, "training")))
}

// TestUndigested: a run whose checkpoints are from before there were digests goes on from the newest that
// has all of its bytes, and ends with those of a run that was left alone.
func TestUndigested(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for name, spoil := range map[string]func(at string){
		"":                      nil,
		"optimizer.safetensors": func(at string) { must(t, os.Truncate(filepath.Join(at, "optimizer.safetensors"), 900)) },
		"model.safetensors":     func(at string) { must(t, os.Remove(filepath.Join(at, "model.safetensors"))) },
		"state.json":            func(at string) { must(t, os.Truncate(filepath.Join(at, "state.json"), 100)) },
	} {
		dir := t.TempDir()
		newFake().killAt(t, dir, 5, false)
		for _, n := range []int{2, 4} {
			undigested(t, filepath.Join(dir, train.Name(n)))
		}
		if spoil != nil {
			spoil(filepath.Join(dir, train.Name(4)))
		}
		s := newFake().mustRun(t, dir, true)
		if !strings.Contains(s.err, name) || (s.err == "") != (spoil == nil) {
			t.Errorf("%s: it says %q", name, s.err)
		}
		if spoil == nil { // the older of the two is as it was
			must(t, os.RemoveAll(filepath.Join(dir, train.Name(4))))
			must(t, os.CopyFS(filepath.Join(dir, train.Name(4)), os.DirFS(filepath.Join(plain, train.Name(4)))))
		}
		equal(t, files(t, dir), files(t, plain))
	}
}

// TestBrokenInsideKept: a checkpoint that was passed over counts for none of those that are kept, also if
// it looks whole.
func TestBrokenInsideKept(t *testing.T) {
	for name, spoil := range brokenInside {
		dir := t.TempDir()
		newFake().killAt(t, dir, 5, false)
		spoil(t, filepath.Join(dir, train.Name(4)))
		f := newFake()
		f.Checkpoint, f.Steps = 3, 6
		f.mustRun(t, dir, true)
		have, err := train.List(dir)
		if want := []string{train.Name(3), train.Name(4), train.Name(6)}; err != nil || !slices.Equal(have, want) {
			t.Errorf("%s: %v, %v", name, have, err)
		}
	}
}

// TestRoomOfBroken: checkpoints that are broken, or of no step that the run has made, make no room for others.
func TestRoomOfBroken(t *testing.T) {
	dir := t.TempDir()
	newFake().killAt(t, dir, 5, false)
	plan := &budget.Plan{}
	plan.Disk.Checkpoint, plan.Disk.Keep = 100, 2
	for _, c := range []struct {
		spoil func(t *testing.T, at string)
		need  int64
	}{{nil, 100}, {brokenInside["a weight that is another"], 200}, {broken["no tokenizer"], 200}} {
		if c.spoil != nil {
			c.spoil(t, filepath.Join(dir, train.Name(4)))
		}
		f, err := Open(t.Context(), dir, true, nil)
		must(t, err)
		r := &run{folder: f}
		if err := r.room(plan, c.need); err != nil {
			t.Errorf("with %d bytes: %v", c.need, err)
		}
		refused(t, r.room(plan, c.need-1), "are free")
		f.Close()
	}
}

// TestForeignCheckpoint: a folder of a checkpoint's name that holds what is none is refused by name, whether
// the run begins or goes on; one that appears while a run is at work stays as it is.
func TestForeignCheckpoint(t *testing.T) {
	model := t.TempDir()
	newFake().mustRun(t, model, false)
	for _, create := range map[string]func(path string){
		"notes": func(path string) { must(t, os.WriteFile(filepath.Join(path, "notes.txt"), []byte("mine"), 0o666)) },
		"a folder": func(path string) {
			must(t, os.MkdirAll(filepath.Join(path, "data", "more"), 0o777))
			must(t, os.WriteFile(filepath.Join(path, "data", "a.txt"), []byte("mine"), 0o666))
		},
		"a state of another program": func(path string) {
			must(t, os.WriteFile(filepath.Join(path, "state.json"), []byte(`{"epoch": 3}`), 0o666))
		},
		"a model": func(path string) {
			for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
				raw, err := os.ReadFile(filepath.Join(model, train.Name(5), name))
				must(t, err)
				must(t, os.WriteFile(filepath.Join(path, name), raw, 0o666))
			}
		},
	} {
		for _, n := range []int{3, 7} {
			for _, resume := range []bool{false, true} {
				dir := t.TempDir()
				if resume {
					newFake().killAt(t, dir, 3, false)
				}
				path := filepath.Join(dir, train.Name(n))
				must(t, os.Mkdir(path, 0o777))
				create(path)
				before := files(t, dir)
				_, err := newFake().run(t, dir, resume, true)
				refused(t, err, path, "is not a checkpoint", "move it away or choose another --out")
				equal(t, files(t, dir), before)
			}
		}
		dir, f := t.TempDir(), newFake()
		path := filepath.Join(dir, train.Name(4))
		var before map[string]string
		f.step = func(n int) error {
			if n == 3 {
				must(t, os.Mkdir(path, 0o777))
				create(path)
				before = files(t, path)
			}
			return nil
		}
		_, err := f.run(t, dir, false, true)
		refused(t, err, path, "is not a checkpoint", "earlier checkpoints are untouched")
		equal(t, files(t, path), before)
	}
}
