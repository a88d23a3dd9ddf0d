package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// many is one of something, said as if there were more.
var many = regexp.MustCompile(`(?m)(?:^|[ (])1 (?:[a-z-]+ (?:of )?)?[a-z-]{2,}s\b.*`)

// TestOne: sentences about one step, document, line and so on speak of one.
func TestOne(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "docs", "a.txt"), "The ferry leaves at nine with a crew of 7.")
	write(t, filepath.Join(dir, "docs", "b.txt"), "The mill by the river has 4 wheels.")
	line := write(t, filepath.Join(dir, "one.jsonl"), `{"prompt": "who ?", "answer": " no one ."}`+"\n")
	two := write(t, filepath.Join(dir, "two.jsonl"), `{"prompt": "a ?", "answer": "x"}`+"\n"+
		`{"prompt": "b ?", "answer": "y"}`+"\n")
	for _, command := range []string{
		"train --steps 1 --eval 0 --set questions=1 --set draw=1",
		"train --steps 1 --docs " + dir + "/docs",
		"train --steps 1 --docs " + dir + "/docs --dry-run --set keep=1",
		"pretrain --docs " + dir + "/docs --steps 1 --dry-run --set keep=1",
		"sft --epochs 1 --held-out 0 --data " + line,
		"sft --epochs 1 --held-out 0 --dry-run --data " + line,
		"sft --epochs 1 --held-out 0.5 --data " + two,
	} {
		o := spell(t, "", append(strings.Fields(command), "--out", filepath.Join(t.TempDir(), "run"))...)
		if said := o.out + o.stderr; said == "" || many.MatchString(said) {
			t.Errorf("spell %s (exit %d) says %q in\n%s", command, o.code, many.FindString(said), said)
		}
	}
	for text, want := range map[string]bool{"of 1 steps": true, "1 clusters fit": true, "(1 lines)": true,
		"after 11 steps": false, "1 step": false, "0.1 parts": false, "1 different questions": true,
		"1 to learn, 3 tokens": false} {
		if many.MatchString(text) != want {
			t.Errorf("%q is taken for a plural of one: %v", text, !want)
		}
	}
}
