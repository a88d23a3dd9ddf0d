package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJournal: lines after a checkpoint are cut off or written over, and a file that cannot be either is named.
func TestJournal(t *testing.T) {
	dir, l := t.TempDir(), Lengths{}
	text := func() string {
		raw, err := os.ReadFile(filepath.Join(dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	add := func(l Lengths, lines ...any) {
		t.Helper()
		if err := l.Append(dir, "log", lines...); err != nil {
			t.Fatal(err)
		}
	}
	add(l, "one <&>", 2)
	if text() != "\"one <&>\"\n2\n" || l["log"] != len(text()) {
		t.Fatalf("%q of length %d", text(), l["log"])
	}
	saved := Lengths{"log": l["log"], "empty": 0}
	add(l, "lost")
	again := Lengths{}
	if err := again.Restore(dir, saved); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text(), "lost") {
		t.Errorf("after Restore the file reads %q", text())
	}
	add(l, "lost, too") // by a writer that does not know
	add(again, 3)
	if text() != "\"one <&>\"\n2\n3\n" {
		t.Errorf("the file reads %q", text())
	}
	if err := again.Restore(dir, Lengths{"log": 100}); err == nil || !strings.Contains(err.Error(), "cut or replaced") {
		t.Errorf("a file that is too short gives %v", err)
	}
	if err := again.Restore(dir, Lengths{"none": 1}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a file that is gone gives %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "in the way"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(dir, "in the way", 1); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("a folder in the way gives %v", err)
	}
}
