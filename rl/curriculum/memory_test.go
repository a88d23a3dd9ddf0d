package curriculum

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/rl/task"
	"spell/tensor/rng"
)

// paperMemory is the paper's rules.
var paperMemory = MemoryConfig{Length: 3}

func visit(k uint64) *rng.Rand { return rng.At(1, rng.Documents, k, 0, 0) }

// Paper semantics: contexts of 5, 10, 15, 20 documents and no more, since the oldest question is
// forgotten.
func TestDocumentsGrowToFourDraws(t *testing.T) {
	m := NewMemory(paperMemory)
	var last [][]int
	for k, want := range []int{5, 10, 15, 20, 20, 20} {
		v := m.Draw(task.GeneralQA, 7, 40, 5, nil, visit(uint64(k)))
		if len(v.Docs) != want || len(v.New) != 5 || len(v.Examples) != min(k, 3) {
			t.Fatalf("visit %d: %d documents, %d new, %d examples", k, len(v.Docs), len(v.New), len(v.Examples))
		}
		if !slices.IsSorted(v.Docs) || !slices.IsSorted(v.New) || len(slices.Compact(slices.Clone(v.Docs))) != want {
			t.Fatalf("visit %d: documents %v, new %v", k, v.Docs, v.New)
		}
		for _, old := range last[max(0, len(last)-3):] {
			for _, d := range old {
				if !slices.Contains(v.Docs, d) || slices.Contains(v.New, d) {
					t.Fatalf("visit %d: document %d of an earlier question is not shown as old", k, d)
				}
			}
		}
		last = append(last, v.New)
		if !m.Admit(task.GeneralQA, 7, v, strings.Repeat("q", k+1), "a", 4, 8) {
			t.Fatal("a solvable question is not remembered")
		}
	}
	if e := m.Entries(task.GeneralQA, 7); len(e) != 3 || e[0].Question != "qqqq" || e[2].Question != "qqqqqq" {
		t.Errorf("the last three questions are not the ones kept: %v", e)
	}
	if v := m.Draw(task.Numeric, 7, 40, 5, nil, visit(0)); len(v.Examples) != 0 || len(v.Docs) != 5 {
		t.Error("another task sees the history")
	}
	if v := m.Draw(task.GeneralQA, 8, 40, 5, nil, visit(0)); len(v.Examples) != 0 || len(v.Docs) != 5 {
		t.Error("another cluster sees the history")
	}
}

func TestExhaustedClusterIsNotRefilled(t *testing.T) {
	m := NewMemory(paperMemory)
	for k, want := range []struct{ docs, fresh int }{{5, 5}, {10, 5}, {12, 2}, {12, 0}} {
		v := m.Draw(task.Numeric, 0, 12, 5, nil, visit(uint64(k)))
		if len(v.Docs) != want.docs || len(v.New) != want.fresh {
			t.Errorf("visit %d: %d documents, %d new; want %v", k, len(v.Docs), len(v.New), want)
		}
		m.Admit(task.Numeric, 0, v, strings.Repeat("q", k+1), "1", 1, 8)
	}
}

func TestCumulativeMemoryNeverShrinks(t *testing.T) {
	m := NewMemory(MemoryConfig{Length: 3, Cumulative: true})
	for k, want := range []int{5, 10, 15, 20, 25, 30} {
		v := m.Draw(task.Numeric, 0, 40, 5, nil, visit(uint64(k)))
		if len(v.Docs) != want {
			t.Errorf("visit %d: %d documents, want %d", k, len(v.Docs), want)
		}
		m.Admit(task.Numeric, 0, v, strings.Repeat("q", k+1), "1", 1, 8)
	}
}

func TestAdmission(t *testing.T) {
	tests := []struct {
		passes, g     int
		paper, solved bool
	}{
		{0, 8, false, false}, {1, 8, true, true}, {7, 8, true, true}, {8, 8, false, true},
		{1, 100, true, true}, {1, 101, true, false}, {0, 0, false, false}, {1, 1, false, true},
	}
	for _, tt := range tests {
		for _, c := range []struct {
			config MemoryConfig
			want   bool
		}{
			{paperMemory, tt.paper},
			{MemoryConfig{Length: 3, AdmitSolved: true}, tt.solved},
			{MemoryConfig{Length: 0}, false},
		} {
			m := NewMemory(c.config)
			got := m.Admit(task.GeneralQA, 0, View{New: []int{1}}, "q", "a", tt.passes, tt.g)
			if got != c.want || (len(m.Entries(task.GeneralQA, 0)) == 1) != got {
				t.Errorf("%+v admits %d of %d: %v", c.config, tt.passes, tt.g, got)
			}
		}
	}
}

func TestEveryDocumentIsDrawnEquallyOften(t *testing.T) {
	m := NewMemory(paperMemory)
	hits := make([]int, 20)
	for k := range uint64(4000) {
		for _, d := range m.Draw(task.GeneralQA, 0, 20, 5, nil, visit(k)).Docs {
			hits[d]++
		}
	}
	for d, n := range hits {
		if n < 890 || n > 1110 { // 1000 ± 4σ
			t.Errorf("document %d is drawn %d times of 4000", d, n)
		}
	}
}

func filled() *Memory {
	m := NewMemory(paperMemory)
	for k := range 40 {
		task, cluster := task.Task(k%3), (k*7)%5
		v := m.Draw(task, cluster, 12, 2, nil, visit(uint64(k)))
		m.Admit(task, cluster, v, "q \"<&>\" \xff "+strings.Repeat("?", k), "a", 3, 8)
	}
	return m
}

func TestMemorySurvivesResume(t *testing.T) {
	m := filled()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	counts := []int{12, 12, 12, 12, 12}
	back := NewMemory(paperMemory)
	if err := back.Restore(data, counts); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, back) {
		t.Error("the restored memory differs")
	}
	for range 5 {
		again, err := json.Marshal(filled())
		if err != nil || string(again) != string(data) {
			t.Fatalf("the same memory has two texts (%v)", err)
		}
	}
	for k := range uint64(15) {
		a := m.Draw(task.Task(k%3), int(k%5), 12, 3, nil, visit(k))
		b := back.Draw(task.Task(k%3), int(k%5), 12, 3, nil, visit(k))
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("draw %d after resume differs: %v, %v", k, a, b)
		}
	}
}

func TestMemoryRefusesDamage(t *testing.T) {
	for _, data := range []string{
		`{`, `[{"task":"maths","cluster":0,"entries":[{"docs":[0]}]}]`,
		`[{"task":"numeric","cluster":9,"entries":[{"docs":[0]}]}]`, `[{"task":"numeric","cluster":-1,"entries":[{"docs":[0]}]}]`,
		`[{"task":"numeric","cluster":0,"entries":[]}]`,
		`[{"task":"numeric","cluster":0,"entries":[{"docs":[0]},{"docs":[1]},{"docs":[2]},{"docs":[3]}]}]`,
		`[{"task":"numeric","cluster":0,"entries":[{"docs":[4]}]}]`, `[{"task":"numeric","cluster":0,"entries":[{"docs":[-1]}]}]`,
		`[{"task":"numeric","cluster":0,"entries":[{"docs":[1,1]}]}]`,
		`[{"task":"numeric","cluster":0,"entries":[{"docs":[0]}]},{"task":"numeric","cluster":0,"entries":[{"docs":[1]}]}]`,
	} {
		m := NewMemory(paperMemory)
		m.Admit(task.GeneralQA, 0, View{New: []int{1}}, "q", "a", 1, 2)
		if err := m.Restore([]byte(data), []int{4}); err == nil {
			t.Errorf("restores %s", data)
		}
		if len(m.Entries(task.GeneralQA, 0)) != 1 {
			t.Errorf("a refused restore of %s changed the memory", data)
		}
	}
	if err := NewMemory(paperMemory).Restore([]byte("[]"), nil); err != nil {
		t.Errorf("an empty memory: %v", err)
	}
}

// TestDrawNear: with documents in pairs that are near each other, a pair is drawn together, and a
// remembered document draws its partner.
func TestDrawNear(t *testing.T) {
	near := func(a, b int) float64 {
		if a/2 == b/2 {
			return 3
		}
		return 0
	}
	m := NewMemory(paperMemory)
	first := map[int]bool{}
	for k := range uint64(200) {
		v := m.Draw(task.GeneralQA, 0, 20, 4, near, visit(k))
		if len(v.New) != 4 || v.New[0]/2 != v.New[1]/2 || v.New[2]/2 != v.New[3]/2 || v.New[1] >= v.New[2] {
			t.Fatalf("drew %v", v.New)
		}
		first[v.New[0]/2] = true
		if again := m.Draw(task.GeneralQA, 0, 20, 4, near, visit(k)); !slices.Equal(again.New, v.New) {
			t.Fatalf("drew %v, then %v", v.New, again.New)
		}
	}
	if len(first) < 8 {
		t.Errorf("only %d pairs ever begin a view", len(first))
	}
	m.Admit(task.GeneralQA, 0, View{New: []int{6}}, "q", "a", 1, 2)
	v := m.Draw(task.GeneralQA, 0, 20, 1, near, visit(0))
	if !slices.Equal(v.New, []int{7}) || !slices.Equal(v.Docs, []int{6, 7}) {
		t.Errorf("beside document 6 it shows %v", v.New)
	}
}

// A question that is remembered already is not remembered again, whatever its case and spaces, but for other documents.
func TestNoRepetition(t *testing.T) {
	m := NewMemory(MemoryConfig{Length: 3})
	for i, tt := range []struct {
		cluster  int
		question string
		want     bool
	}{
		{0, "Who runs it?", true}, {0, "Who runs it?", false}, {0, " who  runs it?", false},
		{1, "Who runs it?", true}, {0, "Why?", true},
	} {
		if got := m.Admit(task.GeneralQA, tt.cluster, View{New: []int{i}}, tt.question, "a", 1, 2); got != tt.want {
			t.Errorf("%d: %q is admitted: %v", i, tt.question, got)
		}
	}
	if n := len(m.Entries(task.GeneralQA, 0)); n != 2 {
		t.Errorf("%d questions are remembered, want 2", n)
	}
}
