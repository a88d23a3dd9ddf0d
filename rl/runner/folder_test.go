package runner

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"spell/model/train"
)

// refused wants an error of one sentence that has every one of say, and all files of dir as they are.
func refused(t *testing.T, err error, say ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", say)
	}
	for _, s := range say {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q lacks %q", err, s)
		}
	}
}

// TestOpen: what cannot be a run's folder is refused by name, and nothing is left behind.
func TestOpen(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(root, "none")
	empty := t.TempDir()
	for _, c := range []struct {
		dir    string
		resume bool
		say    []string
	}{
		{file, false, []string{file, "is a file; name a folder"}},
		{file, true, []string{file, "is a file; name a folder"}},
		{filepath.Join(file, "below"), false, []string{filepath.Join(file, "below")}},
		{none, true, []string{none, "no run to go on with", "leave out --resume"}},
		{empty, true, []string{empty, "no checkpoint to go on from", "leave out --resume"}},
	} {
		before := files(t, root)
		_, err := Open(t.Context(), c.dir, c.resume, nil)
		refused(t, err, c.say...)
		equal(t, files(t, root), before)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a folder was made")
	}
	// A folder that Open made goes again if nothing was written, and one that was there stays.
	for _, dir := range []string{none, empty} {
		f, err := Open(t.Context(), dir, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			t.Errorf("%s is not there: %v", dir, err)
		}
		f.Close()
		if _, err := os.Stat(dir); (err == nil) != (dir == empty) {
			t.Errorf("%s after Close: %v", dir, err)
		}
	}
	f, err := Open(t.Context(), none, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(none, "mine"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := os.Stat(filepath.Join(none, "mine")); err != nil {
		t.Error(err)
	}
}

// TestUnwritable: a folder that cannot be written to is refused before anything is read.
func TestUnwritable(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not bind this user")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o777)
	for _, d := range []string{dir, filepath.Join(dir, "below")} {
		_, err := Open(t.Context(), d, false, nil)
		refused(t, err, d, "permission denied", "name another folder")
	}
}

// asHolder, set, makes the test binary hold the lock of a folder until its input ends.
const asHolder = "RUNNER_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asHolder); dir != "" {
		f, err := Open(context.Background(), dir, false, nil)
		if err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		os.Stdout.WriteString("held")
		os.Stdin.Read(make([]byte, 1))
		f.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestLock: one run at a time works in a folder, whatever name it has, in this process or another; the
// lock leaves nothing behind and ends with its process.
func TestLock(t *testing.T) {
	root := t.TempDir()
	dir, link := filepath.Join(root, "dir"), filepath.Join(root, "link")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, link); err != nil {
		link = dir
	}
	f, err := Open(t.Context(), dir, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, link} {
		_, err := Open(t.Context(), name, false, nil)
		refused(t, err, name, "in use by another run")
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asHolder+"="+link)
	if out, err := c.Output(); err == nil || !strings.Contains(string(out), "in use by another run") {
		t.Errorf("another process: %v, %q", err, out)
	}
	f.Close()

	c = exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asHolder+"="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir, false, nil)
	refused(t, err, "in use by another run")
	c.Process.Kill()
	c.Wait()
	f, err = Open(t.Context(), link, false, nil)
	if err != nil {
		t.Fatalf("after the other process was killed: %v", err)
	}
	f.Close()
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("locks left %v", left)
	}
}

// TestTwoRuns: a second run into the folder of one at work is refused and changes nothing.
func TestTwoRuns(t *testing.T) {
	dir, first := t.TempDir(), newFake()
	first.step = func(n int) error {
		if n != 3 {
			return nil
		}
		for _, resume := range []bool{false, true} {
			before := files(t, dir)
			_, err := newFake().run(t, dir, resume, true)
			refused(t, err, "in use by another run")
			equal(t, files(t, dir), before)
		}
		return nil
	}
	first.mustRun(t, dir, false)
}

// TestForeignFiles: a run leaves what others have in its folder as it is, and writes behind their lines.
func TestForeignFiles(t *testing.T) {
	dir, plain := t.TempDir(), t.TempDir()
	foreign := map[string]string{"notes.txt": "mine", MetricsFile: "somebody's\nlines", "step-x/file": "x",
		".tmp": "y", "step-000001.txt": "z"}
	for name, text := range foreign {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	newFake().killAt(t, dir, 2, false)
	newFake().mustRun(t, dir, true)
	newFake().mustRun(t, plain, false)
	got, want := files(t, dir), files(t, plain)
	for name, text := range foreign {
		if name == MetricsFile {
			text += "\n" + want[name]
		}
		if got[name] != text {
			t.Errorf("%s has become %q", name, got[name])
		}
		delete(got, name)
		delete(want, name)
	}
	for name := range got { // marks differ
		if filepath.Base(name) == "state.json" {
			delete(got, name)
			delete(want, name)
		}
	}
	equal(t, got, want)
}

// TestLinkedFolder: a folder by another name is the same one.
func TestLinkedFolder(t *testing.T) {
	root, plain := t.TempDir(), t.TempDir()
	dir, link := filepath.Join(root, "dir"), filepath.Join(root, "link")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, link); err != nil {
		t.Skip("no links here:", err)
	}
	newFake().stopAt(t, link, 4, false)
	newFake().mustRun(t, dir, true)
	newFake().mustRun(t, plain, false)
	equal(t, files(t, dir), files(t, plain))
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link has become %v, %v", info, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestBroken: a newest checkpoint that is broken is passed over with a note, stays where it is, and is
// replaced only by the one of its step; the run ends with the bytes of one that was left alone. If none
// is whole, nothing is touched.
func TestBroken(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	all := maps.Clone(broken)
	maps.Copy(all, brokenInside)
	for name, spoil := range all {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			newFake().killAt(t, dir, 5, false)
			newest := filepath.Join(dir, train.Name(4))
			spoil(t, newest)
			before := files(t, newest)
			f := newFake()
			f.step = func(n int) error {
				if n <= 4 {
					equal(t, files(t, newest), before)
				}
				return nil
			}
			s := f.mustRun(t, dir, true)
			if !strings.Contains(s.err, train.Name(4)) || !strings.Contains(s.err,
				"going on from "+filepath.Join(dir, train.Name(2))) {
				t.Errorf("it says %q", s.err)
			}
			if f.steps != 3 {
				t.Errorf("%d steps were made", f.steps)
			}
			equal(t, files(t, dir), files(t, plain))

			for _, n := range []int{4, 5} {
				spoil(t, filepath.Join(dir, train.Name(n)))
			}
			all := files(t, dir)
			for _, resume := range []bool{false, true} {
				_, err := newFake().run(t, dir, resume, true)
				if _, inside := brokenInside[name]; inside && !resume { // nothing is read that says so
					refused(t, err, "holds a run already")
					continue
				}
				refused(t, err, train.Name(5), "none of the 2 checkpoints", "choose another --out to begin again")
			}
			equal(t, files(t, dir), all)
			must(t, os.RemoveAll(filepath.Join(dir, train.Name(4))))
			_, err := newFake().run(t, dir, true, true)
			refused(t, err, train.Name(5), "there is no other checkpoint to go on from", "choose another --out")
		})
	}
}

// TestNotBroken: a newest checkpoint that is not known to be broken is not passed over, since the run would
// write over it: one of a newer program, and one that may not be read.
func TestNotBroken(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, at string)
		say   string
	}{
		{"newer", func(t *testing.T, at string) {
			must(t, os.WriteFile(filepath.Join(at, "training/state.json"), []byte(`{"version": 4, "what": []}`), 0o666))
		}, "written by a newer program"},
		{"folder", func(t *testing.T, at string) { must(t, os.Chmod(at, 0)) }, "permission denied"},
		{"training/state.json", nil, "permission denied"},
		{"config.json", nil, "permission denied"},
		{"model.safetensors", nil, "permission denied"},
		{"training/optimizer.safetensors", nil, "permission denied"},
		{"tokenizer.json", nil, "permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.say == "permission denied" && (os.Getuid() == 0 || runtime.GOOS == "windows") {
				t.Skip("permissions do not bind this user")
			}
			dir := t.TempDir()
			newFake().killAt(t, dir, 5, false)
			newest, before := filepath.Join(dir, train.Name(4)), files(t, dir)
			say := []string{newest, c.say, "choose another --out"}
			if c.spoil != nil {
				c.spoil(t, newest)
			} else {
				must(t, os.Chmod(filepath.Join(newest, c.name), 0))
				say = append(say, c.name)
			}
			for _, resume := range []bool{false, true} {
				_, err := newFake().run(t, dir, resume, true)
				refused(t, err, say...)
			}
			must(t, os.Chmod(newest, 0o777))
			if c.say == "permission denied" && c.spoil == nil {
				must(t, os.Chmod(filepath.Join(newest, c.name), 0o666))
			}
			equal(t, files(t, dir), before, filepath.Join(train.Name(4), "training/state.json"))
		})
	}
}

// TestBrokenKept: a broken checkpoint counts for none of those that are kept, and is removed by none.
func TestBrokenKept(t *testing.T) {
	for keep := 1; keep <= 2; keep++ {
		for name, spoil := range broken {
			dir, f := t.TempDir(), newFake()
			f.Keep, f.Checkpoint = 3, 1
			f.killAt(t, dir, 4, false)
			for n := 2; n <= 3; n++ {
				spoil(t, filepath.Join(dir, train.Name(n)))
			}
			before := [2]map[string]string{files(t, filepath.Join(dir, train.Name(2))), files(t, filepath.Join(dir,
				train.Name(3)))}
			f = newFake()
			f.Keep, f.Checkpoint = keep, 4
			f.mustRun(t, dir, true)
			want := []string{train.Name(2), train.Name(3), train.Name(4), train.Name(5)}
			if keep == 1 {
				want = slices.Delete(want, 2, 3)
			}
			if have, err := train.List(dir); err != nil || !slices.Equal(have, want) {
				t.Errorf("%s, keep %d: %v, %v", name, keep, have, err)
			}
			for i := range before {
				equal(t, files(t, filepath.Join(dir, train.Name(2+i))), before[i])
			}
		}
	}
}

// TestLinkedCheckpoint: a checkpoint may be a link, and one whose target is broken or gone is passed over.
func TestLinkedCheckpoint(t *testing.T) {
	plain := t.TempDir()
	newFake().mustRun(t, plain, false)
	for _, c := range []struct {
		name   string
		spoil  func(t *testing.T, target string)
		passed bool
	}{
		{"whole", func(*testing.T, string) {}, false},
		{"broken", broken["truncated"], true},
		{"gone", func(t *testing.T, target string) { must(t, os.RemoveAll(target)) }, false}, // no checkpoint at all
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
			newFake().killAt(t, dir, 5, false)
			newest := filepath.Join(dir, train.Name(4))
			must(t, os.Rename(newest, target))
			if err := os.Symlink(target, newest); err != nil {
				t.Skip("no links here:", err)
			}
			c.spoil(t, target)
			before := map[string]string{}
			if c.name != "gone" {
				before = files(t, target)
			}
			if s := newFake().mustRun(t, dir, true); strings.Contains(s.err, "going on from") != c.passed {
				t.Errorf("it says %q", s.err)
			}
			equal(t, files(t, dir), files(t, plain))
			if c.name != "gone" {
				equal(t, files(t, target), before)
			}
		})
	}
}
