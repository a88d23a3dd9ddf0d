package spell

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
)

// TestPieces: a prompt is cut where documents stand in it in their order, and joined again it is the same, also
// when it has been written and read.
func TestPieces(t *testing.T) {
	docs := []string{"one <b>", "two", "", "on"}
	for _, tt := range []struct {
		prompt  string
		numbers []int
		want    Pieces
	}{
		{"one <b>\ntwo\nask", []int{0, 1}, Pieces{{Doc: 0}, {Text: "\n"}, {Doc: 1}, {Text: "\nask"}}},
		{"Read: two", []int{0, 1}, Pieces{{Text: "Read: "}, {Doc: 1}}},
		{"two one <b>", []int{0, 1}, Pieces{{Text: "two "}, {Doc: 0}}}, // in another order
		{"two", []int{2, 1}, Pieces{{Doc: 1}}},
		{"<ask>", []int{0, 1, 2}, Pieces{{Text: "<ask>"}}},
		{"gone on", []int{3}, Pieces{{Text: "g"}, {Doc: 3}, {Text: "e on"}}},
		{"", nil, nil},
	} {
		got := Cut(tt.prompt, docs, tt.numbers)
		if !reflect.DeepEqual(got, tt.want) || got.Join(docs) != tt.prompt {
			t.Errorf("%q is %v, want %v, and %q joined", tt.prompt, got, tt.want, got.Join(docs))
		}
		raw, err := json.Marshal(got)
		var back Pieces
		if err == nil {
			err = json.Unmarshal(raw, &back)
		}
		if err != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%s reads back as %v: %v", raw, back, err)
		}
	}
	for _, raw := range []string{`[{}]`, `[1.5]`, `["a`, `[true]`} {
		if err := json.Unmarshal([]byte(raw), new(Pieces)); err == nil {
			t.Errorf("%s is read", raw)
		}
	}
}

// TestWritten: the documents of a cluster are written before the first question over it in the run and no more,
// also by a run that goes on; one that goes on from a state of an earlier program writes them again.
func TestWritten(t *testing.T) {
	play := func(r *run) (clusters []string) {
		t.Helper()
		rep, err := r.Step(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, line := range rep.Transcript {
			switch l := line.(type) {
			case Documents:
				clusters, known[l.Cluster] = append(clusters, l.Cluster), true
			case Record:
				if l.Stage == "ask" && len(clusters) > 0 && !known[l.Cluster] {
					t.Errorf("question %d comes before its documents", l.Question)
				}
			}
		}
		return clusters
	}
	c := small()
	c.Draw = 4
	begin := func() *run {
		r, _ := newRun(t, c, opentest.CPU(t, 1), model.F32, documents(4, 4), turns)
		return r
	}
	r := begin()
	if clusters := play(r); len(clusters) != 4 {
		t.Errorf("the first step writes the documents of %q", clusters)
	}
	saved, err := r.State()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(saved)
	if err != nil {
		t.Fatal(err)
	}
	if clusters := play(r); len(clusters) > 0 {
		t.Errorf("the second step writes the documents of %q again", clusters)
	}
	older := strings.Replace(string(raw), `,"written":"Dw=="`, "", 1)
	for text, want := range map[string]int{string(raw): 0, older: 4} {
		r := begin()
		if err := r.Restore(json.RawMessage(text)); err != nil {
			t.Fatal(err)
		}
		if clusters := play(r); len(clusters) != want {
			t.Errorf("a run that goes on from %s writes the documents of %q", text, clusters)
		}
	}
}

func TestBitset(t *testing.T) {
	var b bitset
	for _, n := range []int{3, 64, 9, 3} {
		c := b.with(n)
		if b.has(n) != (n == 3 && len(b) > 0) || !c.has(n) || c.has(n+1) || c.has(1000) {
			t.Errorf("%d: %v, then %v", n, b, c)
		}
		b = c
	}
}
