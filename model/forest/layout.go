package forest

import (
	"fmt"
	"slices"

	"spell/kernels"
)

// A Layout is a forest as the decoder sees it: groups of whole trees that share a pass, and the
// tokens to score.
type Layout struct {
	Groups []Group
	Scored []Scored // in the order of segments
}

// A Group is some trees. Their stems, the segments that others continue, go through the decoder
// together, and their keys and values stay; the leaves follow in batches.
type Group struct {
	Stems  Part
	Leaves []Part
}

// A Part is rows that go through the decoder together, one a token, segment after segment. Queries
// name rows of the part and spans of keys, of which the stems' come first and those of the part's
// own leaves after them.
type Part struct {
	Ids, Pos []int32
	Queries  []kernels.Query // a run for each segment that has tokens

	Rows   []int32         // that predict scored tokens, ascending; nil for all
	Ends   []kernels.Query // the queries of these rows, numbered as in Rows
	Heads  []int32         // of each token predicted here: the number of its row in Rows
	Scored []int32         // and its number in Layout.Scored
	Own    []int32         // numbers of the scored tokens that lie here, wherever they are predicted
}

// A Scored is one token whose log-probability is wanted.
type Scored struct {
	Target  int32   // its id
	InvTemp float32 // 1/temperature
	Segment int32
	Index   int32 // within the segment
}

// Room is the number of tokens of a group's stems and of a batch of leaves.
type Room struct{ Stems, Batch int }

// Lay lays out a valid forest. The first token of a root has no predictor and is not scored; the
// first token of any other segment is predicted by the last token of its context. A tree whose
// stems, or a leaf that, exceeds the room is an error.
func Lay(f Forest, room Room) (*Layout, error) {
	y := &layer{forest: f, layout: &Layout{}, stem: f.stems(), root: make([]int32, len(f)),
		start: make([]int32, len(f)), last: make([]int32, len(f)), first: make([]int32, len(f))}
	for i, s := range f {
		y.root[i] = int32(i)
		if s.Parent >= 0 {
			y.root[i] = y.root[s.Parent]
		}
		y.first[i] = int32(len(y.layout.Scored))
		if s.Loss {
			y.score(i)
		}
	}
	trees := make([][]int, len(f)) // segments by root
	for i, r := range y.root {
		trees[r] = append(trees[r], i)
	}
	var group []int
	stems := 0
	for _, tree := range trees {
		n := 0
		for _, s := range tree {
			if k := len(f[s].Tokens); y.stem[s] {
				n += k
			} else if k > room.Batch {
				return nil, fmt.Errorf("segment %d has %d tokens; a batch of a pass holds %d", s, k, room.Batch)
			}
		}
		if n > room.Stems {
			return nil, fmt.Errorf("the shared segments of a tree have %d tokens; a pass holds %d", n, room.Stems)
		}
		if stems+n > room.Stems {
			y.group(group, room.Batch)
			group, stems = nil, 0
		}
		group, stems = append(group, tree...), stems+n
	}
	if len(group) > 0 {
		y.group(group, room.Batch)
	}
	return y.layout, nil
}

// A layer lays out a forest.
type layer struct {
	forest Forest
	layout *Layout
	stem   []bool
	root   []int32
	start  []int32 // key row of a segment's first token, in its group
	last   []int32 // key row of the last token of a segment's context, itself included; -1: none
	first  []int32 // number of a segment's first scored token
}

func (y *layer) score(i int) {
	s := &y.forest[i]
	inv := float32(1)
	if s.Temperature > 0 {
		inv = 1 / s.Temperature
	}
	for j, t := range s.Tokens {
		if j > 0 || y.follows(i) {
			y.layout.Scored = append(y.layout.Scored, Scored{Target: t, InvTemp: inv, Segment: int32(i), Index: int32(j)})
		}
	}
}

// follows says whether the context of segment i has tokens before it.
func (y *layer) follows(i int) bool {
	for a := y.forest[i].Parent; a >= 0; a = y.forest[a].Parent {
		if len(y.forest[a].Tokens) > 0 {
			return true
		}
	}
	return false
}

// group lays out some trees, segments in the order of their trees.
func (y *layer) group(segments []int, batch int) {
	y.layout.Groups = append(y.layout.Groups, Group{})
	g := &y.layout.Groups[len(y.layout.Groups)-1]
	for _, s := range segments {
		if y.stem[s] {
			y.add(&g.Stems, s, 0)
		}
	}
	stems := int32(len(g.Stems.Ids))
	for _, s := range segments {
		if y.stem[s] {
			continue
		}
		n := len(y.forest[s].Tokens)
		if k := len(g.Leaves); k == 0 || len(g.Leaves[k-1].Ids)+n > batch {
			g.Leaves = append(g.Leaves, Part{})
		}
		y.add(&g.Leaves[len(g.Leaves)-1], s, stems)
	}
	for _, s := range segments {
		if p := y.forest[s].Parent; y.forest[s].Loss && len(y.forest[s].Tokens) > 0 && y.follows(s) {
			g.Stems.predicts(y.last[p], y.first[s])
		}
	}
	g.Stems.sort()
	g.Stems.finish()
	for i := range g.Leaves {
		g.Leaves[i].finish()
	}
}

// add appends segment s to a part whose own keys begin at row base.
func (y *layer) add(p *Part, s int, base int32) {
	seg := &y.forest[s]
	row := int32(len(p.Ids))
	y.start[s], y.last[s] = base+row, -1
	if seg.Parent >= 0 {
		y.last[s] = y.last[seg.Parent]
	}
	k := int32(len(seg.Tokens))
	if k > 0 {
		y.last[s] = base + row + k - 1
		p.Queries = append(p.Queries, kernels.Query{Row: row, Len: k, Spans: y.spans(s)})
	}
	for j, t := range seg.Tokens {
		p.Ids, p.Pos = append(p.Ids, t), append(p.Pos, seg.Pos+int32(j))
	}
	if !seg.Loss || k == 0 {
		return
	}
	n := y.first[s]
	if y.follows(s) {
		p.Own = append(p.Own, n)
		n++
	}
	for j := range k - 1 {
		p.Own = append(p.Own, n+j)
		p.predicts(row+j, n+j)
	}
}

// spans are the keys of the ancestors of segment s, then its own.
func (y *layer) spans(s int) []kernels.Span {
	path := y.forest.Path(s)
	spans := make([]kernels.Span, 0, len(path))
	for _, a := range path {
		if k := len(y.forest[a].Tokens); k > 0 {
			spans = append(spans, kernels.Span{Row: y.start[a], Len: int32(k)})
		}
	}
	return spans
}

// predicts notes that a row of the part predicts a scored token.
func (p *Part) predicts(row, scored int32) {
	p.Heads, p.Scored = append(p.Heads, row), append(p.Scored, scored)
}

// sort orders what rows predict by its place in the forest.
func (p *Part) sort() {
	order := make([]int, len(p.Scored))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return int(p.Scored[i] - p.Scored[j]) })
	heads, scored := make([]int32, len(order)), make([]int32, len(order))
	for i, k := range order {
		heads[i], scored[i] = p.Heads[k], p.Scored[k]
	}
	p.Heads, p.Scored = heads, scored
}

// finish numbers the rows that predict.
func (p *Part) finish() {
	rows := append(make([]int32, 0, len(p.Heads)), p.Heads...) // not nil
	slices.Sort(rows)
	rows = slices.Compact(rows)
	for i, r := range p.Heads {
		n, _ := slices.BinarySearch(rows, r)
		p.Heads[i] = int32(n)
	}
	p.Rows, p.Ends = rows, Among(p.Queries, rows)
	if len(rows) == len(p.Ids) {
		p.Rows, p.Ends = nil, p.Queries
	}
}

// Among is the queries of some rows, ascending, numbered as in rows: a run for each stretch of rows
// that follow each other.
func Among(queries []kernels.Query, rows []int32) []kernels.Query {
	var list []kernels.Query
	at := 0
	for _, q := range queries {
		for at < len(rows) && rows[at] < q.Row+q.Len {
			from := at
			for at++; at < len(rows) && rows[at] == rows[at-1]+1 && rows[at] < q.Row+q.Len; at++ {
			}
			blind := q.Row + q.Len - 1 - rows[at-1] // keys at the end that the last row does not see
			list = append(list, kernels.Query{Row: int32(from), Len: int32(at - from), Spans: trim(q.Spans, blind)})
		}
	}
	return list
}

// trim is spans without their last n keys.
func trim(spans []kernels.Span, n int32) []kernels.Span {
	for n > 0 {
		last := spans[len(spans)-1]
		spans = spans[: len(spans)-1 : len(spans)-1]
		if last.Len > n {
			return append(spans, kernels.Span{Row: last.Row, Len: last.Len - n})
		}
		n -= last.Len
	}
	return spans
}
