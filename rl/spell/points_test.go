package spell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/role"
	"spell/rl/task"
)

// A point is something that SPELL is easily given wrong. One of the fields but the first is set.
type point struct {
	what  string
	right func(t *testing.T) // shows that it is right here
	shown string             // the test elsewhere that shows it: its package and its name
	never string             // why it cannot be wrong here
}

// walk runs n points.
func walk(t *testing.T, points []point, n int) {
	t.Helper()
	if len(points) != n {
		t.Errorf("%d points, want %d", len(points), n)
	}
	for _, p := range points {
		t.Run(p.what, func(t *testing.T) {
			said := 0
			for _, is := range []bool{p.right != nil, p.shown != "", p.never != ""} {
				if is {
					said++
				}
			}
			if said != 1 {
				t.Fatalf("%d reasons are given, want one", said)
			}
			if p.right != nil {
				p.right(t)
			}
			if p.shown != "" {
				shown(t, p.shown)
			}
		})
	}
}

// shown fails if there is no test of a package and a name.
func shown(t *testing.T, test string) {
	t.Helper()
	folder, name, _ := strings.Cut(test, " ")
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(t *testing.T)") {
			return
		}
	}
	t.Errorf("package %s has no test %s", folder, name)
}

// full returns the prompts of instruct models.
func full(t *testing.T) *role.Prompts {
	t.Helper()
	p, err := role.Load("full")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answers checks which answer replies state; "" is none.
func answers(of task.Task, want map[string]string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		p := full(t)
		for said, want := range want {
			if got, ok := p.ExtractAnswer(of, said); got != want || ok != (want != "") {
				t.Errorf("%q states %q, %v; want %q", said, got, ok, want)
			}
		}
	}
}

// references checks the reference answers of what a questioner writes; "" is one that cannot be read.
func references(of task.Task, want map[string]string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		p := full(t)
		for said, want := range want {
			if q, v := p.ParseQuestion(of, said, nil); q.Answer != want || (v == task.OK) != (want != "") {
				t.Errorf("%q has the reference %q, verdict %d; want %q", said, q.Answer, v, want)
			}
		}
	}
}

// A pair is a prediction and a reference, and whether the one is right by the other.
type pair struct {
	prediction, reference string
	right                 bool
}

// ruled checks what the rule of a task says of answers.
func ruled(of task.Task, rules task.Rules, pairs ...pair) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		for _, p := range pairs {
			if got := of.Match(rules, p.prediction, p.reference); got != p.right {
				t.Errorf("%q by the reference %q is %v, want %v", p.prediction, p.reference, got, p.right)
			}
		}
	}
}

// all makes one check of several.
func all(checks ...func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		for _, check := range checks {
			check(t)
		}
	}
}
