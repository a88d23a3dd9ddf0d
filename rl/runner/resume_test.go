package runner

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/model/nano"
	"spell/model/train"
	"spell/rl/events"
)

// TestResume: a run that was killed or interrupted anywhere, and gone on with, leaves the files of one
// that was left alone, but for the clock's.
func TestResume(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for n := 1; n <= 5; n++ {
		for _, again := range []int{n, (n + 6) / 2, 5} {
			dir := t.TempDir()
			newFake().killAt(t, dir, n, false)
			newFake().killAt(t, dir, again, true)
			s := newFake().mustRun(t, dir, true)
			equal(t, files(t, dir), files(t, plain))
			if before := strings.Contains(s.err, "no checkpoint yet"); before != (again <= 2) {
				t.Errorf("killed in steps %d and %d it says %q", n, again, s.err)
			}
			dir = t.TempDir()
			newFake().stopAt(t, dir, n, false)
			newFake().stopAt(t, dir, again, true)
			newFake().mustRun(t, dir, true)
			equal(t, files(t, dir), files(t, plain))
		}
	}
}

// TestEqualRuns: runs that are equal write equal files, but for the clock's, which --quiet leaves out.
func TestEqualRuns(t *testing.T) {
	var all []map[string]string
	for _, quiet := range []bool{false, false, true} {
		dir := t.TempDir()
		if _, err := newFake().run(t, dir, false, quiet); err != nil {
			t.Fatal(err)
		}
		all = append(all, files(t, dir))
	}
	if n := strings.Count(all[0][ClockFile], "\n"); n != 8 { // steps and measurements
		t.Errorf("%d lines of the clock:\n%s", n, all[0][ClockFile])
	}
	if _, ok := all[2][ClockFile]; ok {
		t.Error("--quiet writes the clock's file")
	}
	equal(t, all[0], all[1], ClockFile)
	equal(t, all[1], all[2], ClockFile)
}

// TestBeginAgain: what a run that came to nothing has written is not doubled by the next one, which may be
// another; somebody's lines stay.
func TestBeginAgain(t *testing.T) {
	for _, foreign := range []string{"", "mine\n", "mine"} {
		dir, plain := t.TempDir(), t.TempDir()
		for _, d := range []string{dir, plain} {
			if foreign != "" {
				must(t, os.WriteFile(filepath.Join(d, MetricsFile), []byte(foreign), 0o666))
			}
		}
		newFake().killAt(t, dir, 2, false)
		other := func() *fake {
			f := newFake()
			f.Seed, f.name, f.data = 7, "other", "other data"
			return f
		}
		if s := other().mustRun(t, dir, false); strings.Contains(s.err, "spell:") {
			t.Errorf("it says %q", s.err)
		}
		other().mustRun(t, plain, false)
		equal(t, files(t, dir), files(t, plain))
	}
	// Outputs that were kept are not thrown away without being asked for.
	dir := t.TempDir()
	newFake().stopAt(t, dir, 1, false)
	before := files(t, dir)
	_, err := newFake().run(t, dir, false, true)
	refused(t, err, "holds a run already", "--resume")
	equal(t, files(t, dir), before)
}

// TestCheckpointsRemoved: the logs of a run whose checkpoints somebody removed are no run's that begins
// anew: its lines go behind them. That is so even if the run was killed right after its first checkpoint.
func TestCheckpointsRemoved(t *testing.T) {
	for _, killed := range []bool{false, true} {
		dir := t.TempDir()
		newFake().killAt(t, dir, 1, false)
		raw, err := os.ReadFile(filepath.Join(dir, startFile))
		must(t, err)
		newFake().mustRun(t, dir, true)
		if killed {
			must(t, os.WriteFile(filepath.Join(dir, startFile), raw, 0o666))
			newFake().mustRun(t, dir, true)
		}
		before := files(t, dir)
		for _, name := range []string{train.Name(4), train.Name(5)} {
			must(t, os.RemoveAll(filepath.Join(dir, name)))
		}
		_, err = newFake().run(t, dir, true, true)
		refused(t, err, "holds no checkpoint to go on from")
		newFake().mustRun(t, dir, false)
		after := files(t, dir)
		for _, name := range []string{MetricsFile, TranscriptFile} {
			if after[name] != before[name]+before[name] {
				t.Errorf("%s has become\n%s", name, after[name])
			}
		}
	}
}

// TestFinished: a run that has ended says once more how, and makes, measures and writes nothing.
func TestFinished(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	f.failed = true
	first, err := f.run(t, dir, false, true)
	var failed *Failed
	if !errors.As(err, &failed) || failed.ExitCode() != 3 || !strings.Contains(err.Error(), "tested after 5") {
		t.Fatalf("error %v", err)
	}
	if want := "tested after 5\nmodel: " + filepath.Join(dir, train.Name(5)) + "\n"; !strings.HasSuffix(first.out,
		want) {
		t.Errorf("%q, want %q at its end", first.out, want)
	}
	before := files(t, dir)
	for range 2 {
		f := newFake()
		f.failed = true
		again, err := f.run(t, dir, true, true)
		told := strings.Replace(again.out, "the run is complete, 5 of 5 steps: this is what it came to\n", "", 1)
		if !errors.As(err, &failed) || told == again.out || told != first.out || f.steps+f.tests+f.sampled > 0 {
			t.Errorf("%v, %q, %d steps, %d tests", err, again.out, f.steps, f.tests)
		}
		equal(t, files(t, dir), before)
	}
	// It may become longer: the measurement at its old end stays.
	f = newFake()
	f.Steps = 7
	f.mustRun(t, dir, true)
	if got := logged(t, dir, MetricsFile); !slices.Equal(got, []int{0, 1, 2, 3, 3, 4, 5, 5, 6, 6, 7, 7}) {
		t.Errorf("lines of steps %v", got)
	}
}

// TestFewerSteps: a run that goes on to fewer steps than it has made says so, and does and changes nothing;
// afterwards it goes on to more.
func TestFewerSteps(t *testing.T) {
	dir := t.TempDir()
	newFake().stopAt(t, dir, 5, false)
	for steps, fewer := range map[int]bool{0: true, 1: true, 3: true, 4: false, 5: false} {
		to := filepath.Join(t.TempDir(), "copy")
		must(t, os.CopyFS(to, os.DirFS(dir)))
		before, f := files(t, to), newFake()
		f.Steps = steps
		s, err := f.run(t, to, true, false)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s.out, "the run has made 4 steps already") != fewer {
			t.Errorf("to %d steps it says %q", steps, s.out)
		}
		if fewer {
			equal(t, files(t, to), before)
			if f.steps+f.tests > 0 || strings.Count(s.out, "\n") != 1 {
				t.Errorf("to %d steps: %d steps, %d tests, %q", steps, f.steps, f.tests, s.out)
			}
		}
	}
}

// TestNoSteps: a run of no steps ends, and names no model.
func TestNoSteps(t *testing.T) {
	f := newFake()
	f.Steps = 0
	if s := f.mustRun(t, t.TempDir(), false); strings.Contains(s.out, "model:") {
		t.Errorf("%q", s.out)
	}
}

// TestChanged: what would change the results of a run that goes on is refused by name, and the folder
// stays as it is.
func TestChanged(t *testing.T) {
	for _, first := range []bool{false, true} { // whether there is a checkpoint
		dir := t.TempDir()
		n := 1
		if first {
			n = 3
		}
		newFake().killAt(t, dir, n, false)
		before := files(t, dir)
		for _, c := range []struct {
			change func(f *fake)
			say    string // empty: allowed
		}{
			{func(f *fake) { f.name = "other" }, "holds a run of spell fake; go on with that command"},
			{func(f *fake) { f.Seed = 2 }, "began with seed 1 and now it is 2"},
			{func(f *fake) { f.Optim.LR = 1 }, "optim.lr 0.001 and now it is 1"},
			{func(f *fake) { f.Moments++ }, "moments"},
			{func(f *fake) { f.data = "other" }, "the data is not the run's"},
			{func(f *fake) { f.model = "somewhere" }, "leave out --model"},
			{func(f *fake) { f.Keep, f.Checkpoint, f.PassTokens, f.Steps = 3, 1, 32, 5 }, ""},
		} {
			f := newFake()
			c.change(f)
			_, err := f.run(t, dir, true, true)
			if c.say == "" {
				must(t, err)
				continue
			}
			refused(t, err, c.say)
			if f.name == "fake" && !strings.Contains(err.Error(), dir) && f.model == "" {
				t.Errorf("%q does not name %s", err, dir)
			}
			equal(t, files(t, dir), before)
		}
	}
}

// TestModel: a run goes on with the model it began with, and as long as it has no checkpoint that must be
// named once more; a folder that was moved is known again.
func TestModel(t *testing.T) {
	root := t.TempDir()
	newFake().mustRun(t, filepath.Join(root, "base"), false)
	other := newFake()
	other.Seed = 9
	other.mustRun(t, filepath.Join(root, "other"), false)
	base, moved := filepath.Join(root, "base", train.Name(5)), filepath.Join(root, "moved")
	of := func(model string) *fake {
		f := newFake()
		f.model = model
		return f
	}
	plain := filepath.Join(root, "plain")
	of(base).mustRun(t, plain, false)
	for _, n := range []int{1, 4} {
		dir := filepath.Join(root, "run")
		must(t, os.RemoveAll(dir))
		must(t, os.RemoveAll(moved))
		of(base).killAt(t, dir, n, false)
		_, err := of(filepath.Join(root, "other", train.Name(5))).run(t, dir, true, true)
		refused(t, err, "the run began with the model "+base, "leave out --model")
		_, err = of(filepath.Join(root, "none")).run(t, dir, true, true)
		refused(t, err, "the run began with the model "+base)
		must(t, os.CopyFS(moved, os.DirFS(base)))
		if n == 1 {
			_, err = of("").run(t, dir, true, true)
			refused(t, err, "has no checkpoint yet and began with --model "+base)
		} else {
			of("").killAt(t, dir, 5, true)
		}
		of(moved).mustRun(t, dir, true)
		equal(t, files(t, dir), files(t, plain))
		of(base).mustRun(t, dir, true)
	}
	// A model that has changed is another, if it is read again.
	dir := filepath.Join(root, "changed")
	of(moved).killAt(t, dir, 1, false)
	must(t, os.RemoveAll(moved))
	must(t, os.CopyFS(moved, os.DirFS(filepath.Join(root, "other", train.Name(5)))))
	_, err := of(moved).run(t, dir, true, true)
	refused(t, err, moved, "no longer the one")
}

// TestEmbeddedModel: a run on an embedded base goes on with it without being told, before there is a checkpoint, too;
// a folder of the same model is the same, and another base is not.
func TestEmbeddedModel(t *testing.T) {
	const text = "embedded:text"
	root := t.TempDir()
	of := func(model string) *fake {
		f := newFake()
		f.model, f.Steps = model, 3
		return f
	}
	plain, folder := filepath.Join(root, "plain"), filepath.Join(root, "base")
	of(text).mustRun(t, plain, false)
	must(t, nano.Extract(nano.Text, folder))
	for _, c := range []struct {
		killed int    // in this step; there is a checkpoint of the second
		model  string // that it goes on with
		say    string // empty: it does
	}{
		{1, "", ""}, {1, text, ""}, {1, folder, ""}, {3, "", ""}, {3, text, ""},
		{1, "embedded:world", "the run began with the embedded base text and goes on"},
		{3, "embedded:world", "the run began with the embedded base text and goes on"},
		{1, "embedded:books", "the run began with the embedded base text and goes on"},
	} {
		dir := filepath.Join(root, "run")
		must(t, os.RemoveAll(dir))
		of(text).killAt(t, dir, c.killed, false)
		if _, err := of(c.model).run(t, dir, true, true); c.say != "" {
			refused(t, err, c.say)
			continue
		} else if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		equal(t, files(t, dir), files(t, plain))
	}
	// A program with another base of that name is another model.
	dir := filepath.Join(root, "other")
	of(text).killAt(t, dir, 1, false)
	start := filepath.Join(dir, startFile)
	raw, err := os.ReadFile(start)
	must(t, err)
	o, err := originOf(text)
	must(t, err)
	must(t, os.WriteFile(start, []byte(strings.Replace(string(raw), o.Hash, "0123456789abcdef", 1)), 0o666))
	_, err = of("").run(t, dir, true, true)
	refused(t, err, text, "no longer the one")
}

// TestRoom: a disk that does not hold the checkpoints is told before anything is read or written, with the
// number that it would hold.
func TestRoom(t *testing.T) {
	free := DiskFree(t.TempDir())
	if free == 0 {
		t.Skip("the system does not tell")
	}
	dir := filepath.Join(t.TempDir(), "run")
	f := newFake()
	f.Size = int(min(free, math.MaxInt32/4))
	_, err := f.run(t, dir, false, true)
	refused(t, err, dir, "are free: free some or choose another --out")
	if strings.Contains(err.Error(), "set keep") {
		t.Errorf("%v", err)
	}
	f = newFake()
	f.Keep = 1 << 28
	_, err = f.run(t, dir, false, true)
	refused(t, err, "or set keep to ")
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s was made", dir)
	}
}

// TestKeep: as many checkpoints stay as a run keeps, also if it keeps fewer than it did.
func TestKeep(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	f.Checkpoint, f.Keep, f.Steps = 1, 3, 6
	have := func() []string {
		t.Helper()
		names, err := train.List(dir)
		must(t, err)
		return names
	}
	f.killAt(t, dir, 5, false)
	if got := have(); !slices.Equal(got, []string{train.Name(2), train.Name(3), train.Name(4)}) {
		t.Errorf("%v", got)
	}
	f.Keep = 1
	f.mustRun(t, dir, true)
	if got := have(); !slices.Equal(got, []string{train.Name(6)}) {
		t.Errorf("%v", got)
	}
}

// TestSaveAgain: what is measured after the last step goes into the state of its checkpoint, whose tensors
// are not written once more.
func TestSaveAgain(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	weights := filepath.Join(dir, train.Name(5), "model.safetensors")
	var before os.FileInfo
	f.test = func(n int) (err error) {
		if n == 5 {
			before, err = os.Stat(weights)
		}
		return err
	}
	f.mustRun(t, dir, false)
	after, err := os.Stat(weights)
	must(t, err)
	if before == nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("the weights were written again")
	}
	var s savedRun
	must(t, train.ReadState(filepath.Join(dir, train.Name(5)), &s))
	var state fakeState
	if err := json.Unmarshal(s.State, &state); err != nil || state.Tested != 5 {
		t.Errorf("the state is %s, %v", s.State, err)
	}
}

// TestUnchanged: a run that did nothing since its checkpoint writes none when it is interrupted.
func TestUnchanged(t *testing.T) {
	dir := t.TempDir()
	newFake().stopAt(t, dir, 4, false)
	at := filepath.Join(dir, train.Name(3), "training/state.json")
	before, err := os.Stat(at)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake()
	f.saving = func(int) error { return errors.New("saved once more") }
	f.step = func(int) error { cancel(); return nil }
	if _, err := f.runUnder(ctx, t, dir, true, true); err == nil || strings.Contains(err.Error(), "once more") {
		t.Errorf("%v", err)
	}
	after, err := os.Stat(at)
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the state was written again")
	}
}

// TestBoard: with the setting a run writes its metrics as events too, those of each step once however
// often it is killed, and a run that begins leaves those of another alone.
func TestBoard(t *testing.T) {
	with := func() *fake {
		f := newFake()
		f.Board = true
		return f
	}
	dir, plain := t.TempDir(), t.TempDir()
	with().mustRun(t, plain, false)
	with().killAt(t, dir, 4, false)
	with().killAt(t, dir, 5, true)
	with().mustRun(t, dir, true)
	size := func(dir string) int64 {
		found, err := filepath.Glob(filepath.Join(dir, events.Dir, "*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%q, %v", found, err)
		}
		info, err := os.Stat(found[0])
		must(t, err)
		return info.Size()
	}
	if a, b := size(plain), size(dir); a != b || a < 5*30 {
		t.Errorf("the events of a run that was killed have %d bytes, of one that was not %d", b, a)
	}
	other := t.TempDir()
	must(t, os.Rename(filepath.Join(dir, events.Dir), filepath.Join(other, events.Dir)))
	if _, err := with().run(t, other, false, true); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("beginning beside another run's events: %v", err)
	}
}
