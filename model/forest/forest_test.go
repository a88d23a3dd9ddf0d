package forest

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
)

// answers is a prompt of three tokens, an empty segment below it, and three answers: one of the
// prompt, two below the empty segment, of which the second is empty. Then a second tree.
func answers() Forest {
	var f Forest
	root := f.Add(-1, []int32{10, 11, 12}, false)
	hollow := f.Add(root, nil, true)
	f.Add(root, []int32{20, 21}, true)
	f.Add(hollow, []int32{30}, true)
	f.Add(hollow, nil, true)
	f.Add(-1, []int32{40, 41}, true)
	return f
}

// lay fails the test where f does not fit.
func lay(t *testing.T, f Forest, limits Limits) *Layout {
	t.Helper()
	l, err := NewLayout(f, limits)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLayout(t *testing.T) {
	f := answers()
	f[2].Temperature = 0.5
	f[5].Pos = 7 // a gap before a root
	got := lay(t, f, Limits{Shared: 3, Batch: 3})
	prompt := kernels.Span{Row: 0, Len: 3}
	want := &Layout{
		Bundles: []Bundle{{
			Shared: Batch{Ids: []int32{10, 11, 12}, Pos: []int32{0, 1, 2},
				Queries:  []kernels.Query{{Row: 0, Len: 3, Spans: []kernels.Span{prompt}}},
				LiveRows: []int32{2}, LastQueries: []kernels.Query{{Row: 0, Len: 1, Spans: []kernels.Span{prompt}}},
				PredictRows: []int32{0, 0}, Predicted: []int32{0, 2}},
			Branches: []Batch{{
				Ids: []int32{20, 21, 30}, Pos: []int32{3, 4, 3},
				Queries: []kernels.Query{
					{Row: 0, Len: 2, Spans: []kernels.Span{prompt, {Row: 3, Len: 2}}},
					{Row: 2, Len: 1, Spans: []kernels.Span{prompt, {Row: 5, Len: 1}}}},
				LiveRows:    []int32{0},
				LastQueries: []kernels.Query{{Row: 0, Len: 1, Spans: []kernels.Span{prompt, {Row: 3, Len: 1}}}},
				PredictRows: []int32{0}, Predicted: []int32{1}, ScoredHere: []int32{0, 1, 2},
			}, {
				Ids: []int32{40, 41}, Pos: []int32{7, 8},
				Queries:     []kernels.Query{{Row: 0, Len: 2, Spans: []kernels.Span{{Row: 3, Len: 2}}}},
				LiveRows:    []int32{0},
				LastQueries: []kernels.Query{{Row: 0, Len: 1, Spans: []kernels.Span{{Row: 3, Len: 1}}}},
				PredictRows: []int32{0}, Predicted: []int32{3}, ScoredHere: []int32{3},
			}},
		}},
		Scored: []ScoredToken{
			{Target: 20, InvTemp: 2, Segment: 2, Index: 0},
			{Target: 21, InvTemp: 2, Segment: 2, Index: 1},
			{Target: 30, InvTemp: 1, Segment: 3, Index: 0},
			{Target: 41, InvTemp: 1, Segment: 5, Index: 1},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n%+v, want\n%+v", got, want)
	}
}

// TestLayoutLimits: trees share a bundle while their shared segments fit, and what can never fit is
// an error.
func TestLayoutLimits(t *testing.T) {
	var f Forest
	for range 5 {
		f.Append(answers())
	}
	for shared, bundles := range map[int]int{3: 5, 5: 5, 6: 3, 9: 2, 15: 1} {
		if l := lay(t, f, Limits{Shared: shared, Batch: 2}); len(l.Bundles) != bundles {
			t.Errorf("shared segments of %d: %d bundles, want %d", shared, len(l.Bundles), bundles)
		}
	}
	each := answers().LiveTokens()
	for live, bundles := range map[int]int{0: 1, each: 5, 2 * each: 3, 5 * each: 1} {
		if l := lay(t, f, Limits{Shared: 15, Batch: 2, Live: live}); len(l.Bundles) != bundles {
			t.Errorf("%d tokens that predict: %d bundles, want %d", live, len(l.Bundles), bundles)
		}
	}
	branches := answers().Tokens() - answers().SharedTokens()
	for most, bundles := range map[int]int{0: 1, branches: 5, 2 * branches: 3, 5 * branches: 1} {
		if l := lay(t, f, Limits{Shared: 15, Batch: 2, Branches: most}); len(l.Bundles) != bundles {
			t.Errorf("%d tokens of branches: %d bundles, want %d", most, len(l.Bundles), bundles)
		}
	}
	var scored Forest
	top := scored.Add(-1, []int32{1, 2}, false)
	scored.Add(scored.Add(top, []int32{3, 4, 5}, true), []int32{6}, true)
	rows := lay(t, scored, Limits{Shared: 5, Batch: 1, Live: 4}).Bundles[0].Shared.LiveRows
	if n := scored.LiveTokens(); n != 4 || len(rows) != n {
		t.Errorf("%d tokens predict, and %d rows are live; want 4", n, len(rows))
	}
	if _, err := NewLayout(scored, Limits{Shared: 5, Batch: 1, Live: 3}); err == nil {
		t.Error("a pass that holds 3 tokens that predict takes 4")
	}
	for _, r := range []Limits{{Shared: 2, Batch: 9}, {Shared: 9, Batch: 1}, {Shared: 9, Batch: 9, Branches: 1}} {
		if _, err := NewLayout(f, r); err == nil || !strings.Contains(err.Error(), "tokens") {
			t.Errorf("%+v: error %v", r, err)
		}
	}
}

// TestLayoutAgainstPaths holds every row of a larger forest, with gaps between positions, empty
// segments and several roots, against its definition: the keys of a query are the tokens of the
// path from the root, a scored token follows its row in it, and a live row sees what it saw.
func TestLayoutAgainstPaths(t *testing.T) {
	var f Forest
	id := int32(0)
	for i := range 60 {
		tokens := make([]int32, (i*7)%4)
		for j := range tokens {
			tokens[j] = id
			id++
		}
		f.Add((i*5)%(i+3)-3, tokens, i%3 > 0)
		f[i].Pos += int32(i % 2 * 50)
	}
	if err := f.Validate(int(id), 0); err != nil {
		t.Fatal(err)
	}
	place := map[int32][2]int{} // of each token: segment, index
	for s, segment := range f {
		for j, token := range segment.Tokens {
			place[token] = [2]int{s, j}
		}
	}
	// context is the tokens up to and with the given one.
	context := func(token int32) (ids []int32) {
		at := place[token]
		for _, a := range f.Path(at[0]) {
			ids = append(ids, f[a].Tokens...)
		}
		return ids[:len(ids)-len(f[at[0]].Tokens)+at[1]+1]
	}
	want := 0
	for _, segment := range f {
		for _, token := range segment.Tokens {
			if segment.Scored && len(context(token)) > 1 {
				want++
			}
		}
	}
	for _, limits := range []Limits{{Shared: 1000, Batch: 1000}, {Shared: 40, Batch: 5}, {Shared: 64, Batch: 3}} {
		l := lay(t, f, limits)
		rows, predicted, owned := 0, map[int32]bool{}, map[int32]bool{}
		for _, g := range l.Bundles {
			for n, p := range append([]Batch{g.Shared}, g.Branches...) {
				keys := g.Shared.Ids
				if n > 0 {
					keys = append(slices.Clone(keys), p.Ids...)
				}
				rows += len(p.Ids)
				see := func(queries []kernels.Query, ids []int32) {
					n := 0
					for _, q := range queries {
						var seen []int32
						for _, s := range q.Spans {
							seen = append(seen, keys[s.Row:s.Row+s.Len]...)
						}
						for r := range int(q.Len) {
							token := ids[int(q.Row)+r]
							if got := seen[:len(seen)-int(q.Len)+1+r]; !slices.Equal(got, context(token)) {
								t.Errorf("token %d sees %v, want %v", token, got, context(token))
							}
							n++
						}
					}
					if n != len(ids) {
						t.Errorf("%d rows have queries, of %d", n, len(ids))
					}
				}
				see(p.Queries, p.Ids)
				on := p.Ids
				if p.LiveRows != nil {
					on = nil
					for _, r := range p.LiveRows {
						on = append(on, p.Ids[r])
					}
				}
				see(p.LastQueries, on)
				for i, k := range p.Predicted {
					s := l.Scored[k]
					c := context(s.Target)
					if predicted[k] || on[p.PredictRows[i]] != c[len(c)-2] {
						t.Errorf("scored token %d is predicted by %d, twice: %v", s.Target, on[p.PredictRows[i]],
							predicted[k])
					}
					predicted[k] = true
				}
				for i, token := range p.Ids {
					if at := place[token]; p.Pos[i] != f[at[0]].Pos+int32(at[1]) {
						t.Errorf("token %d has position %d", token, p.Pos[i])
					}
				}
				for _, k := range p.ScoredHere {
					if owned[k] || !slices.Contains(p.Ids, l.Scored[k].Target) {
						t.Errorf("scored token %d is not of its batch, or twice", l.Scored[k].Target)
					}
					owned[k] = true
				}
			}
		}
		if rows != f.Tokens() || len(predicted) != want || len(owned) != want || len(l.Scored) != want {
			t.Errorf("%d rows, %d predicted, %d owned, %d scored; want %d and %d",
				rows, len(predicted), len(owned), len(l.Scored), f.Tokens(), want)
		}
	}
}

func TestShape(t *testing.T) {
	f := answers()
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
	if base := g.Append(f); base != 1 || !slices.Equal(g.Trees(), [][2]int{{0, 1}, {1, 6}, {6, 7}}) ||
		g[4].Parent != 2 {
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

// TestGraft: shared segments that two trees have in common are there once; branches and scored
// segments never are.
func TestGraft(t *testing.T) {
	tree := func(documents, question []int32, answers ...[]int32) Forest {
		var f Forest
		at := f.Chain(-1, documents, question)
		for _, a := range answers {
			f.Add(at, a, true)
		}
		return f
	}
	d := []int32{1, 2, 3}
	var f Forest
	for i, c := range []struct {
		tree Forest
		want []int32
		size int
	}{
		{tree(d, []int32{4}, []int32{5}, []int32{6}), []int32{0, 1, 2, 3}, 4},
		{tree(d, []int32{7}, []int32{5}), []int32{0, 4, 5}, 6},
		{tree(d, []int32{4}, []int32{5}), []int32{0, 1, 6}, 7},         // an answer is one's own
		{tree(d[:2], []int32{3, 4}, []int32{5}), []int32{7, 8, 9}, 10}, // the same text in other segments
		{Forest{{Parent: -1, Tokens: d}}, []int32{10}, 11},             // nothing continues it
		{Forest{{Parent: -1, Tokens: d, Scored: true}, {Parent: 0, Pos: 3, Tokens: d}}, []int32{11, 12}, 13},
		{Forest{{Parent: -1, Pos: 1, Tokens: d}, {Parent: 0, Pos: 4, Tokens: d}}, []int32{13, 14}, 15},
	} {
		if got := f.Graft(c.tree); !slices.Equal(got, c.want) || len(f) != c.size {
			t.Errorf("tree %d is at %v of %d segments, want %v of %d", i, got, len(f), c.want, c.size)
		}
		for k, s := range c.tree {
			if g := f[c.want[k]]; !slices.Equal(g.Tokens, s.Tokens) || g.Pos != s.Pos || g.Scored != s.Scored {
				t.Errorf("tree %d: segment %d became %+v", i, k, g)
			}
		}
	}
	if err := f.Validate(9, 0); err != nil {
		t.Error(err)
	}
}
