package budget_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"spell/kernels/tally"
	"spell/model"
	"spell/rl/settings"
	"spell/rl/spell"
)

// rates are those of a machine that nobody has: equal everywhere.
func rates(gflops float64) (r tally.Rates) {
	for k := range r.Flops {
		r.Flops[k] = gflops
	}
	r.Read, r.Update = gflops/10, gflops/10
	return r
}

// sizing is that of a machine with no settings of the user's.
func sizing(t *testing.T, gflops float64, memory int64, hours float64) spell.Sizing {
	return spell.Sizing{Backend: backend(t), Model: shape, Precision: model.F32, Memory: memory, Hours: hours,
		Rates: rates(gflops), Lay: func(*spell.Config) error { return nil }}
}

// takes returns the seconds and the bytes of a run.
func takes(t *testing.T, s spell.Sizing, c spell.Config) (float64, int64) {
	t.Helper()
	p, err := spell.NewPlan(t.Context(), s.Backend, s.Model, s.Precision, c, s.Texts)
	if err != nil {
		t.Fatal(err)
	}
	times, err := p.Clock(s.Rates)
	if err != nil {
		t.Fatal(err)
	}
	return times.Run(), int64(p.Total())
}

// TestPresetsFit: what a preset is sized to is kept, and the same machine gives the same settings.
func TestPresetsFit(t *testing.T) {
	for _, x := range []struct {
		preset string
		of     spell.Kind
		hours  float64 // 0: the preset's
		gflops float64
		memory int64
	}{
		{"", spell.OwnModel, 0, 100, 1 << 30},
		{"laptop", spell.OwnModel, 0, 2, 512 << 20},
		{"quick", spell.OwnModel, 0, 20, 1 << 30},
		{"paper", spell.OwnModel, 24, 100, 2 << 30},
		{"embedded", spell.WorldBase, 0.2, 100, 1 << 30},
		{"documents", spell.TextBase, 0.2, 100, 1 << 30},
	} {
		name := fmt.Sprintf("%+v", x)
		p, err := spell.PresetNamed(x.preset, x.of, x.hours)
		if err != nil {
			t.Fatal(err)
		}
		s := sizing(t, x.gflops, x.memory, p.Hours)
		c, inTime, err := s.Size(t.Context(), p.Config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		seconds, bytes := takes(t, s, c)
		if !inTime || seconds > 3600*p.Hours || bytes > x.memory {
			t.Errorf("%s: in time %v, takes %g hours of %g and %d bytes", name, inTime, seconds/3600, p.Hours, bytes)
		}
		if again, _, err := s.Size(t.Context(), p.Config); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s: sized again it is another run: %v", name, err)
		}
		repeats(t, name, c)
	}
	for _, x := range []struct {
		name   string
		of     spell.Kind
		is     string // the preset's name
		byRule bool
		hours  float64
	}{
		{"", spell.WorldBase, "embedded", false, 0},
		{"", spell.TextBase, "documents", true, 0},
		{"", spell.OwnModel, "laptop", false, 8},
		{"embedded", spell.WorldBase, "embedded", false, 0},
		{"embedded", spell.TextBase, "embedded", false, 0},
		{"documents", spell.WorldBase, "documents", true, 0},
		{"documents", spell.OwnModel, "documents", true, 0},
		{"quick", spell.WorldBase, "quick", false, 0},
		{"quick", spell.TextBase, "quick", true, 0},
		{"quick", spell.OwnModel, "quick", false, 0.25},
		{"laptop", spell.WorldBase, "laptop", false, 8},
		{"laptop", spell.TextBase, "laptop", true, 8},
		{"paper", spell.OwnModel, "paper", false, 0},
	} {
		p, err := spell.PresetNamed(x.name, x.of, 0)
		if err == nil {
			err = p.Config.Validate()
		}
		if err != nil || p.Name != x.is || p.Config.ByRule != x.byRule || p.Hours != x.hours {
			t.Errorf("%+v is the preset %s of %g hours, by rule %v: %v", x, p.Name, p.Hours, p.Config.ByRule, err)
		}
	}
	if p, _ := spell.PresetNamed("", spell.WorldBase, 0); !reflect.DeepEqual(p.Config, spell.Small()) {
		t.Error("the base for the generated world does not begin from its own settings")
	}
	if p, _ := spell.PresetNamed("paper", spell.OwnModel, 0); !reflect.DeepEqual(p.Config, spell.Default()) {
		t.Error("the paper's preset has not the paper's values")
	}
	for _, bad := range []struct {
		name  string
		hours float64
		want  string
	}{{"huge", 0, "use embedded, documents, quick"}, {"", -1, "--hours is -1"}} {
		_, err := spell.PresetNamed(bad.name, spell.OwnModel, bad.hours)
		if err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// repeats checks that the written settings make the same run of any other.
func repeats(t *testing.T, name string, c spell.Config) {
	t.Helper()
	var file bytes.Buffer
	if err := settings.Write(&file, &c, "Settings."); err != nil {
		t.Fatal(err)
	}
	for _, other := range []spell.Config{spell.Default(), spell.Small()} {
		if err := settings.Read("settings.yaml", file.Bytes(), &other); err != nil || !reflect.DeepEqual(other, c) {
			t.Errorf("%s: the settings that were written are not those: %v", name, err)
		}
	}
}

// TestHours: more time never makes a run smaller, and less memory never a larger one.
func TestHours(t *testing.T) {
	p, err := spell.PresetNamed("laptop", spell.OwnModel, 0)
	if err != nil {
		t.Fatal(err)
	}
	size := func(c spell.Config) []int {
		return []int{c.Steps, c.Questions, c.Draw, c.MaxPrompt, c.MaxQuestion, c.MaxAnswer, c.MaxVote, c.Answers,
			c.Votes}
	}
	var last spell.Config
	for i, hours := range []float64{0.001, 0.01, 0.1, 1, 10, 1000} {
		s := sizing(t, 10, 0, hours)
		c, inTime, err := s.Size(t.Context(), p.Config)
		if err != nil {
			t.Fatal(err)
		}
		seconds, _ := takes(t, s, c)
		if inTime != (seconds <= 3600*hours) {
			t.Errorf("%g hours: a run of %g is in time: %v", hours, seconds/3600, inTime)
		}
		for k, n := range size(c) {
			if i > 0 && n < size(last)[k] {
				t.Errorf("%g hours make %v of %v", hours, size(c), size(last))
				break
			}
		}
		last = c
	}
	if !reflect.DeepEqual(size(last), size(p.Config)) {
		t.Errorf("with all the time there is the preset becomes %v", size(last))
	}
}

// TestSizeKeeps: what the user sets stays, and what then cannot be run is an error.
func TestSizeKeeps(t *testing.T) {
	p, err := spell.PresetNamed("laptop", spell.OwnModel, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ set, want string }{
		{"max_prompt=9000", ""}, {"steps=3", ""}, {"answers=5", ""}, {"questions=7", ""}, {"recompute=false", ""},
		{"pass_tokens=100", "pass_tokens is 100"}, {"draw=0", "draw is 0"},
	} {
		s := sizing(t, 10, 1<<30, p.Hours)
		s.Lay = func(c *spell.Config) error { return settings.Set(c, x.set) }
		c, _, err := s.Size(t.Context(), p.Config)
		if x.want != "" {
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%s: %v, want %q", x.set, err, x.want)
			}
			continue
		}
		d := c
		if e := settings.Set(&d, x.set); err != nil || e != nil || !reflect.DeepEqual(c, d) {
			t.Errorf("%s became another: %v, %v", x.set, err, e)
		}
	}
	s := sizing(t, 10, 32<<20, p.Hours)
	if _, _, err := s.Size(t.Context(), p.Config); err == nil || !strings.Contains(err.Error(), "the run needs") {
		t.Errorf("32 MiB are enough: %v", err)
	}
}
