package forest

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
)

// group is a prompt of three tokens, an empty segment below it, and three answers: one of the
// prompt, two below the empty segment, of which the second is empty. Then a second tree.
func group() Forest {
	var f Forest
	root := f.Add(-1, []int32{10, 11, 12}, false)
	hollow := f.Add(root, nil, true)
	f.Add(root, []int32{20, 21}, true)
	f.Add(hollow, []int32{30}, true)
	f.Add(hollow, nil, true)
	f.Add(-1, []int32{40, 41}, true)
	return f
}

func TestLay(t *testing.T) {
	f := group()
	f[2].Temperature = 0.5
	f[5].Pos = 7 // a gap before a root
	got := Lay(f)
	want := &Layout{
		Ids:   []int32{10, 11, 12, 20, 21, 30, 40, 41},
		Pos:   []int32{0, 1, 2, 3, 4, 3, 7, 8},
		Start: []int32{0, 3, 3, 5, 6, 6},
		Queries: []kernels.Query{
			{Row: 0, Len: 3, Spans: []kernels.Span{{Row: 0, Len: 3}}},
			{Row: 3, Len: 2, Spans: []kernels.Span{{Row: 0, Len: 3}, {Row: 3, Len: 2}}},
			{Row: 5, Len: 1, Spans: []kernels.Span{{Row: 0, Len: 3}, {Row: 5, Len: 1}}},
			{Row: 6, Len: 2, Spans: []kernels.Span{{Row: 6, Len: 2}}},
		},
		Scored: []Scored{
			{Row: 2, Target: 20, InvTemp: 2, Segment: 2, Index: 0},
			{Row: 3, Target: 21, InvTemp: 2, Segment: 2, Index: 1},
			{Row: 2, Target: 30, InvTemp: 1, Segment: 3, Index: 0},
			{Row: 6, Target: 41, InvTemp: 1, Segment: 5, Index: 1},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n%+v, want\n%+v", got, want)
	}
}

// TestLayGap leaves positions open between a document and its question: the rows stay dense,
// the token after the gap is still predicted by the one before it.
func TestLayGap(t *testing.T) {
	f := Forest{
		{Parent: -1, Tokens: []int32{1, 2}},
		{Parent: 0, Pos: 100, Tokens: []int32{3, 4}, Loss: true},
		{Parent: 1, Pos: 200, Loss: true},
		{Parent: 2, Pos: 300, Tokens: []int32{5}, Loss: true},
	}
	if err := f.Validate(6, 301); err != nil {
		t.Fatal(err)
	}
	l := Lay(f)
	if want := []int32{0, 1, 100, 101, 300}; !slices.Equal(l.Pos, want) {
		t.Errorf("positions %v, want %v", l.Pos, want)
	}
	wantSpans := []kernels.Span{{Row: 0, Len: 2}, {Row: 2, Len: 2}, {Row: 4, Len: 1}}
	if q := l.Queries[2]; q.Row != 4 || q.Len != 1 || !slices.Equal(q.Spans, wantSpans) {
		t.Errorf("query %+v, want spans %v", q, wantSpans)
	}
	want := []Scored{{1, 3, 1, 1, 0}, {2, 4, 1, 1, 1}, {3, 5, 1, 3, 0}}
	if !slices.Equal(l.Scored, want) {
		t.Errorf("scored %+v, want %+v", l.Scored, want)
	}
}

// TestLayWithoutContext scores nothing where nothing precedes, however empty the ancestors are.
func TestLayWithoutContext(t *testing.T) {
	for _, f := range []Forest{
		nil,
		{{Parent: -1, Loss: true}},
		{{Parent: -1, Tokens: []int32{1}, Loss: true}},
		{{Parent: -1, Loss: true}, {Parent: 0, Tokens: []int32{1}, Loss: true}},
	} {
		if l := Lay(f); len(l.Scored) != 0 || len(l.Ids) != f.Tokens() || len(l.Queries) != f.Tokens() {
			t.Errorf("%+v: %+v", f, l)
		}
	}
}

// TestLayAgainstPaths holds every row of a larger forest against its definition: the keys of a
// query are the tokens of the path from the root, and a scored token follows its row in it.
func TestLayAgainstPaths(t *testing.T) {
	var f Forest
	id := int32(0)
	for i := range 40 {
		tokens := make([]int32, (i*7)%4)
		for j := range tokens {
			tokens[j] = id
			id++
		}
		f.Add((i*5)%(i+3)-3, tokens, i%3 > 0)
	}
	if err := f.Validate(int(id), 0); err != nil {
		t.Fatal(err)
	}
	l := Lay(f)
	context := func(s int) (ids []int32) {
		for _, a := range f.Path(s) {
			ids = append(ids, f[a].Tokens...)
		}
		return ids
	}
	query, scored := 0, 0
	for s, segment := range f {
		want := context(s)
		before := want[:len(want)-len(segment.Tokens)]
		if len(segment.Tokens) > 0 {
			var got []int32
			for _, span := range l.Queries[query].Spans {
				got = append(got, l.Ids[span.Row:span.Row+span.Len]...)
			}
			if q := l.Queries[query]; !slices.Equal(got, want) || q.Row != l.Start[s] || int(q.Len) != len(segment.Tokens) {
				t.Errorf("segment %d: query %+v sees %v, want %v", s, q, got, want)
			}
			query++
		}
		for j, token := range segment.Tokens {
			if !segment.Loss || len(before)+j == 0 {
				continue
			}
			got := l.Scored[scored]
			if got.Segment != int32(s) || got.Index != int32(j) || got.Target != token || l.Ids[got.Row] != want[len(before)+j-1] {
				t.Errorf("segment %d, token %d: %+v", s, j, got)
			}
			scored++
		}
	}
	if query != len(l.Queries) || scored != len(l.Scored) {
		t.Errorf("%d queries and %d scored tokens, want %d and %d", len(l.Queries), len(l.Scored), query, scored)
	}
}

func TestShape(t *testing.T) {
	f := group()
	if n := f.Tokens(); n != 8 {
		t.Errorf("%d tokens", n)
	}
	if got, want := f.Path(4), []int{0, 1, 4}; !slices.Equal(got, want) {
		t.Errorf("path %v, want %v", got, want)
	}
	if got, want := f.Trees(), [][2]int{{0, 5}, {5, 6}}; !slices.Equal(got, want) {
		t.Errorf("trees %v, want %v", got, want)
	}
	g := Forest{{Parent: -1, Tokens: []int32{1}}}
	if base := g.Append(f); base != 1 || !slices.Equal(g.Trees(), [][2]int{{0, 1}, {1, 6}, {6, 7}}) || g[4].Parent != 2 {
		t.Errorf("appended at %d: %+v", base, g)
	}
	if f[1].Parent != 0 {
		t.Error("Append changed the forest it was given")
	}
	if err := g.Validate(42, 5); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	root := Segment{Parent: -1, Tokens: []int32{1, 2, 3}}
	child := func(edit func(s *Segment)) Forest {
		s := Segment{Parent: 0, Pos: 3, Tokens: []int32{4, 5}}
		edit(&s)
		return Forest{root, s}
	}
	for _, c := range []struct {
		name string
		f    Forest
		want string // "": valid
	}{
		{"nothing", nil, ""},
		{"a child", child(func(*Segment) {}), ""},
		{"up to the context", child(func(s *Segment) { s.Pos = 8 }), ""},
		{"an empty segment at the end of the context", child(func(s *Segment) { s.Pos, s.Tokens = 10, nil }), ""},
		{"beyond the context", child(func(s *Segment) { s.Pos = 9 }), "segment 1 ends at position 11, beyond the model's context of 10"},
		{"beyond all positions", child(func(s *Segment) { s.Pos = math.MaxInt32 }), "segment 1 ends at position 2147483649"},
		{"its own parent", child(func(s *Segment) { s.Parent = 1 }), "segment 1 names segment 1 as its parent"},
		{"a later parent", child(func(s *Segment) { s.Parent = 5 }), "parents come first"},
		{"inside its parent", child(func(s *Segment) { s.Pos = 2 }), "segment 1 starts at position 2, before its parent ends"},
		{"negative position", Forest{{Parent: -1, Pos: -1}}, "segment 0 starts at position -1"},
		{"negative temperature", child(func(s *Segment) { s.Temperature = -1 }), "segment 1 has temperature -1"},
		{"no temperature", child(func(s *Segment) { s.Temperature = float32(math.NaN()) }), "segment 1 has temperature NaN"},
		{"endless temperature", child(func(s *Segment) { s.Temperature = float32(math.Inf(1)) }), "segment 1 has temperature +Inf"},
		{"negative token", child(func(s *Segment) { s.Tokens = []int32{-1} }), "segment 1 holds token -1; the vocabulary has 6"},
		{"token beyond the vocabulary", child(func(s *Segment) { s.Tokens = []int32{5, 6} }), "segment 1 holds token 6"},
	} {
		err := c.f.Validate(6, 10)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
		}
	}
	if err := child(func(s *Segment) { s.Pos = math.MaxInt32 }).Validate(6, 0); err == nil {
		t.Error("positions beyond 31 bits were accepted without a context")
	}
}
