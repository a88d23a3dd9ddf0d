package runner

import (
	"os"
	"path/filepath"
	"testing"

	"spell/model/train"
)

// TestOwnFilesStay: files that somebody has in a folder under names that a run writes are refused and
// stay, unless they are what the run would write; those of a run that was there are written anew.
func TestOwnFilesStay(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	same := files(t, plain)
	for _, c := range []struct {
		name, text string
		checkpoint bool // of a run that goes on
		refused    bool
	}{
		{SettingsFile, "steps: 5\n", false, true},
		{SettingsFile, "", false, true},
		{SettingsFile, same[SettingsFile] + "# mine\n", false, true},
		{SettingsFile, same[SettingsFile], false, false},
		{SettingsFile, "steps: 5\n", true, false}, // it is not written any more
		{startFile, "{}", false, true},
		{startFile, "[1, 2", false, true},
		{startFile, "", false, true},
		{startFile, `{"name": "my morning run"}`, false, true},
		{startFile, `{"name": "my morning run"}`, true, true},
		{startFile, same[startFile], false, false},
		{unfinishedFile, "mine\n", false, true},
	} {
		dir := t.TempDir()
		if c.checkpoint {
			newFake().killAt(t, dir, 4, false)
		}
		path := filepath.Join(dir, c.name)
		must(t, os.WriteFile(path, []byte(c.text), 0o666))
		before := files(t, dir)
		if c.refused {
			_, err := newFake().run(t, dir, c.checkpoint, true)
			refused(t, err, path, "choose another --out")
			equal(t, files(t, dir), before)
			continue
		}
		newFake().mustRun(t, dir, c.checkpoint)
		if got := files(t, dir)[c.name]; got != c.text {
			t.Errorf("%s has become %q", c.name, got)
		}
	}
	// The settings of a run whose checkpoints somebody removed are its own.
	for _, n := range []int{4, 5} {
		must(t, os.RemoveAll(filepath.Join(plain, train.Name(n))))
	}
	other := newFake()
	other.Optim.LR = 2e-3
	other.mustRun(t, plain, false)
	if got := files(t, plain)[SettingsFile]; got == same[SettingsFile] {
		t.Error("the settings are those of the run before")
	}
}

// TestModelInTheWay: what is not a run's under the name of its model is refused by name.
func TestModelInTheWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		create func(path string) error
		own    bool
		say    string // empty: it is taken
	}{
		{"nothing", func(string) error { return nil }, false, ""},
		{"file", func(p string) error { return os.WriteFile(p, nil, 0o666) }, false, "is no folder"},
		{"file of one that goes on", func(p string) error { return os.WriteFile(p, nil, 0o666) }, true, "is no folder"},
		{"empty folder", func(p string) error { return os.Mkdir(p, 0o777) }, false, ""},
		{"folder", func(p string) error { return os.MkdirAll(filepath.Join(p, "mine"), 0o777) }, false, "holds mine"},
		{"its own folder", func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o777) }, true, ""},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, ModelDir)
		must(t, c.create(path))
		err := modelInTheWay(dir, c.own)
		if c.say != "" {
			refused(t, err, path, c.say, "choose another --out")
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
