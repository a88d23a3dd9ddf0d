package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestInspect: questions are chosen by step, number, outcome and kind, and what is not there is said.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	line := `{"step":1,"question":%,"role":"questioner","stage":"ask","task":"general_qa","cluster":"c",` +
		`"prompt":"p","outcome":"bad format","samples":[{"text":"said %","tokens":2,"finish":"stop"}]}` + "\n"
	var text string
	for _, n := range []string{"0", "1", "2"} {
		text += strings.ReplaceAll(line, "%", n)
	}
	ahead := strings.Replace(strings.ReplaceAll(line, "%", "3"), `"step":1`, `"step":0,"for":"kept_out","kept":true`, 1)
	text = ahead + text
	write(t, filepath.Join(dir, "transcript.jsonl"), text)
	for _, tt := range []struct {
		args []string
		code int
		has  string
		all  int // outputs shown
	}{
		{nil, 0, "step 1, question 0   general_qa   bad format", 4},
		{[]string{"--step", "0"}, 0, "step 0, question 3   general_qa   bad format   asked for kept out, kept", 1},
		{[]string{"--step", "1"}, 0, "said 2", 3},
		{[]string{"--question", "2"}, 0, "said 2", 1},
		{[]string{"--limit", "2"}, 0, "said 0", 2},
		{[]string{"--task", "numeric"}, 1, "has 4 questions, and none is such a one", 0},
		{[]string{"--step", "2"}, 1, "none is such a one", 0},
		{[]string{"--outcome", "bad format", "--task", "general_qa"}, 0, "said 0", 4},
		{[]string{"--outcome", "bad"}, 1, `--outcome "bad" is none; name one of good, all right`, 0},
	} {
		o := spell(t, "", append([]string{"inspect", dir}, tt.args...)...)
		if o.code != tt.code || !strings.Contains(o.out+o.stderr, tt.has) || strings.Count(o.out, "said") != tt.all {
			t.Errorf("%q: exit code %d\n%s%s", tt.args, o.code, o.out, o.stderr)
		}
	}
	if o := spell(t, "", "inspect"); o.code == 0 || !strings.Contains(o.stderr, "name the folder of one run") {
		t.Errorf("no folder: exit code %d, %s", o.code, o.stderr)
	}
	o := spell(t, "", "inspect", filepath.Dir(dir))
	if o.code != 1 || !strings.Contains(o.stderr, "has no transcript.jsonl") {
		t.Errorf("a folder that is no run: exit code %d, %s", o.code, o.stderr)
	}
}
