package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/internal/textcase"
	"spell/rl/task"
	"spell/tensor/fixture"
)

// spelled writes what was read.
func spelled(d *Data) string {
	var b strings.Builder
	for _, q := range append(d.Questions, d.NoDocs...) {
		fmt.Fprintf(&b, "%s %q %q, %v, line %d\n  %q\n", q.Set, q.Part, q.ID, q.Task, q.At.Line, q.Text)
		for i, o := range q.Options {
			fmt.Fprintf(&b, "  %c %q\n", task.Letters[i], o)
		}
		docs, err := q.Documents()
		if err != nil {
			fmt.Fprintln(&b, err)
		}
		for _, doc := range docs {
			fmt.Fprintf(&b, "  | %q\n", doc)
		}
		fmt.Fprintf(&b, "  = %q\n", q.Answers)
	}
	for _, f := range d.Files {
		fmt.Fprintln(&b, "file", filepath.ToSlash(f.Path))
	}
	for _, faults := range [][]Fault{d.Bad, d.Twice, d.NoAnswer} {
		for _, f := range faults {
			fmt.Fprintf(&b, "left out: %s\n", filepath.ToSlash(f.String()))
		}
	}
	for _, line := range d.Left() {
		fmt.Fprintln(&b, filepath.ToSlash(line))
	}
	return b.String()
}

// TestRead: every file in testdata/read gives the questions, or the error, in testdata/want: once all
// benchmarks are asked for, and once one of them alone. To add a case, add a file and run go test
// -update.
func TestRead(t *testing.T) {
	paths, err := filepath.Glob("testdata/read/*")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range append(paths, "testdata/read") {
		for _, name := range []string{"all", "hotpotqa"} {
			asked, err := Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			d, err := Read(t.Context(), asked, path)
			got := ""
			if err != nil {
				got = filepath.ToSlash(err.Error()) + "\n"
			} else {
				got = spelled(d)
			}
			textcase.Golden(t, filepath.Join("testdata/want", filepath.Base(path)+"."+name+".txt"), got)
		}
	}
}

// TestNoQuestions: what holds no questions is an error, and a reading that is stopped ends.
func TestNoQuestions(t *testing.T) {
	all, err := Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), all, t.TempDir()); err == nil || !strings.Contains(err.Error(), "holds no file") {
		t.Errorf("an empty folder gives %v", err)
	}
	if _, err := Read(t.Context(), all, "testdata/none"); !os.IsNotExist(err) {
		t.Errorf("no file gives %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{"testdata/read", "testdata/read/musique.jsonl"} {
		if _, err := Read(ctx, all, path); err != context.Canceled {
			t.Errorf("%s: a reading that is stopped ends with %v", path, err)
		}
	}
}

// TestPublished reads what publishers hand out, some records of each.
func TestPublished(t *testing.T) {
	for _, tt := range []struct {
		path, asked string
		questions   map[string]int
		noDocs      int
	}{
		{"bench/2wiki", "2wikimultihopqa", map[string]int{"2wikimultihopqa": 60}, 0},
		{"bench/hotpotqa", "hotpotqa", map[string]int{"hotpotqa": 60}, 0},
		{"bench/musique", "musique", map[string]int{"musique": 60}, 0},
		{"bench/longbench", "all", map[string]int{"hotpotqa": 3, "2wikimultihopqa": 3, "musique": 3}, 0},
		{"bench/frames", "frames", map[string]int{}, 40},
		{"bench", "all", map[string]int{"hotpotqa": 63, "2wikimultihopqa": 63, "musique": 63}, 40},
	} {
		asked, err := Parse(tt.asked)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Read(t.Context(), asked, fixture.Path(t, tt.path))
		if err != nil {
			t.Fatalf("%s: %v", tt.path, err)
		}
		found := map[string]int{}
		for _, q := range d.Questions {
			found[q.Set]++
			docs, err := q.Documents()
			if err != nil || q.Text == "" || len(strings.Join(docs, "")) < 200 || q.Answer == "" || q.At.Line == 0 {
				t.Errorf("%v: %+v", q.At, q)
			}
		}
		if fmt.Sprint(found) != fmt.Sprint(tt.questions) || len(d.NoDocs) != tt.noDocs || len(d.Bad) > 0 {
			t.Errorf("%s holds %v and %d without documents, %v; want %v and %d", tt.path, found, len(d.NoDocs),
				d.Left(), tt.questions, tt.noDocs)
		}
	}
}

// TestNames: benchmarks are named once and of one kind.
func TestNames(t *testing.T) {
	for list, want := range map[string]string{
		"all": "2wikimultihopqa docmath frames hotpotqa longbench-v2 musique", "musique, frames": "musique frames",
		"ruler-needle,ruler-tracking": "ruler-needle ruler-tracking",
	} {
		found, err := Parse(list)
		var names []string
		for _, b := range found {
			names = append(names, b.Name)
		}
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("%s: %v, %v", list, names, err)
		}
	}
	for list, want := range map[string]string{
		"": "use all, or some of", "squad": `no benchmark "squad"`, "musique,musique": "named twice", "all,frames": "named twice",
		"musique,ruler-needle": "in two runs",
	} {
		if _, err := Parse(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", list, err, want)
		}
	}
}

// TestRight: any reference will do, or all have to be there.
func TestRight(t *testing.T) {
	of, err := task.Parse("general_qa")
	if err != nil {
		t.Fatal(err)
	}
	q := &Question{Task: of, Answers: []string{"Stanley", "Port Blair"}}
	for prediction, want := range map[string][2]bool{
		"in Port Blair": {true, false}, "Stanley and Port Blair": {true, true}, "nowhere": {false, false},
	} {
		for i, all := range []bool{false, true} {
			if q.All = all; q.Right(task.Rules{}, prediction) != want[i] {
				t.Errorf("%q is right: %v", prediction, !want[i])
			}
		}
	}
}
