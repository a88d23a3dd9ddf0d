package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A line is one of a run's.
type line struct {
	Step int    `json:"step"`
	Text string `json:"text,omitempty"`
}

// A log is one file of a journal in a folder of its own.
type log struct {
	*testing.T
	dir, path string
	*Journal
}

func newLog(t *testing.T) *log {
	dir := t.TempDir()
	return &log{t, dir, filepath.Join(dir, "log"), New(dir)}
}

func (l *log) add(steps ...int) {
	l.Helper()
	for _, n := range steps {
		if err := l.Append("log", line{Step: n}); err != nil {
			l.Fatal(err)
		}
	}
}

func (l *log) marks() Marks {
	l.Helper()
	m, err := l.Marks()
	if err != nil {
		l.Fatal(err)
	}
	return m
}

func (l *log) write(text string) {
	l.Helper()
	if err := os.WriteFile(l.path, []byte(text), 0o666); err != nil {
		l.Fatal(err)
	}
}

func (l *log) text() string {
	l.Helper()
	raw, err := os.ReadFile(l.path)
	if err != nil {
		l.Fatal(err)
	}
	return string(raw)
}

// own returns the lines of steps as the journal writes them.
func own(steps ...int) string {
	var s strings.Builder
	for _, n := range steps {
		s.WriteString(`{"step":` + string(rune('0'+n)) + "}\n")
	}
	return s.String()
}

// TestAppend: lines go to the end of whatever the file holds, each on a line of its own.
func TestAppend(t *testing.T) {
	for _, c := range []struct{ name, before, want string }{
		{"nothing", "", own(1, 2)},
		{"somebody's lines", "notes\nof mine\n", "notes\nof mine\n" + own(1, 2)},
		{"a last line without its end", "notes", "notes\n" + own(1, 2)},
		{"bytes that are no text", "\x00\xff", "\x00\xff\n" + own(1, 2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLog(t)
			if c.before != "" {
				l.write(c.before)
			}
			l.add(1, 2)
			if got := l.text(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	l := newLog(t)
	if err := l.Append("log", "one <&>", 2); err != nil || l.text() != "\"one <&>\"\n2\n" {
		t.Errorf("several values are %q, %v", l.text(), err)
	}
	if err := l.Append("none"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(l.dir, "none")); err == nil {
		t.Error("no lines make a file")
	}
	if err := l.Append("log", func() {}); err == nil || l.text() != "\"one <&>\"\n2\n" {
		t.Errorf("what is no JSON leaves %q, %v", l.text(), err)
	}
}

// TestAppendMeanwhile: what happens to the file between two lines is not undone.
func TestAppendMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(l *log)
		want   string
	}{
		{"moved away", func(l *log) { os.Rename(l.path, l.path+".old") }, own(2)},
		{"emptied", func(l *log) { l.write("") }, own(2)},
		{"replaced", func(l *log) { l.write("another") }, "another\n" + own(2)},
		{"written to", func(l *log) { l.write(l.text() + "a remark") }, own(1) + "a remark\n" + own(2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLog(t)
			l.add(1)
			c.change(l)
			marks := l.marks() // of the moment, and no error
			l.add(2)
			if got := l.text(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if n := marks["log"].Bytes; n > int64(len(c.want)-len(own(2))) {
				t.Errorf("a mark at %d of %q", n, c.want)
			}
		})
	}
}

// TestRestore: lines that a run wrote after its checkpoint go, since it writes them again; all else
// stays, and the run's lines go on behind it.
func TestRestore(t *testing.T) {
	const behind, gone, foreign = "as the checkpoint left it", "gone", "other lines behind"
	for _, c := range []struct {
		name   string
		before string // somebody's, in the file when the run began
		change func(l *log)
		want   string // after another line of step 3
		note   string
	}{
		{"nothing was written", "", func(l *log) {}, own(1, 2, 3), ""},
		{"lines of later steps", "", func(l *log) { l.add(3, 4) }, own(1, 2, 3), ""},
		{"a measurement of the checkpoint's step", "", func(l *log) { l.add(2, 3) }, own(1, 2, 3), ""},
		{"a torn last line", "", func(l *log) { l.add(3); l.write(l.text() + `{"step":4,"te`) }, own(1, 2, 3), ""},
		{"zeros of a lost machine", "", func(l *log) { l.write(l.text() + "\x00\x00\x00") }, own(1, 2, 3), ""},
		{"behind somebody's lines", "notes\n", func(l *log) { l.add(3) }, "notes\n" + own(1, 2, 3), ""},
		{"behind a line without its end", "notes", func(l *log) { l.add(3) }, "notes\n" + own(1, 2, 3), ""},
		{"a remark behind the mark", "", func(l *log) { l.write(l.text() + "a remark\n") }, own(1, 2) + "a remark\n" + own(3), foreign},
		{"a remark without its end", "", func(l *log) { l.write(l.text() + "a remark") }, own(1, 2) + "a remark\n" + own(3), foreign},
		{"a remark between later lines", "", func(l *log) { l.add(3); l.write(l.text() + "a remark\n"); l.add(4) },
			own(1, 2, 3) + "a remark\n" + own(4, 3), foreign},
		{"JSON of another program", "", func(l *log) { l.write(l.text() + "{\"loss\":1}\n") }, own(1, 2) + "{\"loss\":1}\n" + own(3), foreign},
		{"a line of an earlier step", "", func(l *log) { l.add(1) }, own(1, 2, 1, 3), foreign},
		{"moved away", "", func(l *log) { os.Rename(l.path, l.path+".old") }, own(3), gone},
		{"emptied", "", func(l *log) { l.write("") }, own(3), behind},
		{"cut", "", func(l *log) { l.write(own(1)) }, own(1, 3), behind},
		{"replaced by a shorter one", "", func(l *log) { l.write("x") }, "x\n" + own(3), behind},
		{"replaced by one of its length", "", func(l *log) { l.write(strings.Repeat("x", len(own(1, 2)))) },
			strings.Repeat("x", len(own(1, 2))) + "\n" + own(3), behind},
		{"replaced by a longer one", "", func(l *log) { l.write(strings.Repeat("other\n", 99)) }, strings.Repeat("other\n", 99) + own(3), behind},
		{"compressed", "", func(l *log) { l.write("\x1f\x8b\x08\x00rest") }, "\x1f\x8b\x08\x00rest\n" + own(3), behind},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLog(t)
			if c.before != "" {
				l.write(c.before)
			}
			l.add(1, 2)
			marks := l.marks()
			c.change(l)
			l.Journal = New(l.dir)
			notes, err := l.Restore(marks, 2)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(notes, "|"); len(notes) > 1 || (all == "") != (c.note == "") ||
				!strings.Contains(all, c.note) || all != "" && !strings.HasPrefix(all, l.path) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			l.add(3)
			if got := l.text(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			// The next checkpoint knows the file as it is now.
			marks = l.marks()
			l.add(4)
			if notes, err := New(l.dir).Restore(marks, 3); err != nil || len(notes) > 0 || l.text() != c.want {
				t.Errorf("restored once more: %q, %q, %v", l.text(), notes, err)
			}
		})
	}
}

// TestRestoreLong: what tells one file from another is near the mark, however long the file is.
func TestRestoreLong(t *testing.T) {
	l := newLog(t)
	l.write(strings.Repeat(own(1), 2000))
	l.add(2)
	marks, whole := l.marks(), l.text()
	l.add(3)
	if notes, err := New(l.dir).Restore(marks, 2); err != nil || len(notes) > 0 || l.text() != whole {
		t.Errorf("%q, %v", notes, err)
	}
	changed := whole[:len(whole)-100] + "x" + whole[len(whole)-99:] + own(3)
	l.write(changed)
	if notes, err := New(l.dir).Restore(marks, 2); err != nil || len(notes) != 1 || l.text() != changed {
		t.Errorf("%q, %v", notes, err)
	}
}

// TestAt: a run that begins marks what is there, and a run that begins again removes its own lines alone.
func TestAt(t *testing.T) {
	for _, before := range []string{"", "notes\n", "notes"} {
		l := newLog(t)
		if before != "" {
			l.write(before)
		}
		marks, err := At(l.dir, "log", "other")
		if err != nil || len(marks) != 2 || marks["log"].Bytes != int64(len(before)) || marks["other"].Bytes != 0 {
			t.Fatalf("%+v, %v", marks, err)
		}
		l.add(0, 1)
		again := New(l.dir)
		notes, err := again.Restore(marks, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(notes) > 0 || l.text() != before {
			t.Errorf("%q, %q, want %q", l.text(), notes, before)
		}
	}
}

// TestLinks: a log that is a link stays one, and its target is written.
func TestLinks(t *testing.T) {
	for _, there := range []bool{true, false} {
		l := newLog(t)
		target := filepath.Join(t.TempDir(), "target")
		if there {
			if err := os.WriteFile(target, nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(target, l.path); err != nil {
			t.Skip("no links here:", err)
		}
		l.add(1)
		marks := l.marks()
		l.add(2)
		l.Journal = New(l.dir)
		if notes, err := l.Restore(marks, 1); err != nil || len(notes) > 0 {
			t.Fatal(notes, err)
		}
		l.add(2)
		if raw, err := os.ReadFile(target); err != nil || string(raw) != own(1, 2) {
			t.Errorf("the target reads %q, %v", raw, err)
		}
		if info, err := os.Lstat(l.path); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link has become %v, %v", info.Mode(), err)
		}
	}
}

// TestInTheWay: a folder where a file should be is told by its name.
func TestInTheWay(t *testing.T) {
	l := newLog(t)
	if err := os.Mkdir(l.path, 0o777); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Append":  l.Append("log", line{Step: 1}),
		"Restore": func() error { _, err := l.Restore(Marks{"log": {Bytes: 3}}, 1); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), l.path) || strings.Count(err.Error(), l.path) != 1 {
			t.Errorf("%s: %v", what, err)
		}
	}
}
