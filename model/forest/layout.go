package forest

import (
	"fmt"
	"math"
	"slices"

	"spell/kernels"
)

// A Layout is a forest as the decoder reads it: bundles of whole trees, and the tokens to score.
type Layout struct {
	Bundles []Bundle
	Scored  []ScoredToken // in the order of segments
}

// A Bundle is the trees that a decoder holds at once. Its shared segments run forward together and
// keep their keys and values; its branches follow in batches.
type Bundle struct {
	Shared   Batch
	Branches []Batch
}

// A Batch is the rows that go through the decoder together: one per token, segment after segment.
// Keys are numbered through the bundle: those of its shared segments first, then those of the batch
// of branches at work.
type Batch struct {
	Ids, Pos []int32         // [rows] token ids and absolute positions
	Queries  []kernels.Query // one per segment that has tokens: its rows and the spans of keys they see

	LiveRows    []int32         // rows that predict a scored token, ascending; nil if all do
	LastQueries []kernels.Query // the queries of the live rows, which they number from 0
	PredictRows []int32         // for each token predicted here: the number of its row among the live rows
	Predicted   []int32         // for each token predicted here: its index in Layout.Scored
	ScoredHere  []int32         // indices in Layout.Scored of tokens that lie here, wherever their predictor is
}

// A ScoredToken is one token whose log-probability is wanted.
type ScoredToken struct {
	Target  int32   // its id
	InvTemp float32 // 1/temperature
	Segment int32   // index in the forest
	Index   int32   // within the segment
}

// Limits are the most tokens a decoder takes at once: in the shared segments of a bundle, and in a
// batch of branches. Live bounds those of the former that predict a scored token; 0: all may. Branches
// bounds those of all branches of a bundle; 0: nothing does.
type Limits struct{ Shared, Batch, Live, Branches int }

// MostLive returns how many tokens of shared segments may predict.
func (l Limits) MostLive() int {
	if l.Live == 0 {
		return l.Shared
	}
	return min(l.Live, l.Shared)
}

// MostBranches returns how many tokens the branches of a bundle may have.
func (l Limits) MostBranches() int {
	if l.Branches == 0 {
		return math.MaxInt
	}
	return l.Branches
}

// NewLayout lays out a valid forest. The first token of a root has no predictor and is not scored;
// the first token of any other segment is predicted by the last token of its context. It returns an
// error if the shared segments of one tree, one branch, or all of one tree exceed the limits.
func NewLayout(f Forest, limits Limits) (*Layout, error) {
	b := &builder{forest: f, layout: &Layout{}, shared: f.shared(), start: make([]int32, len(f)),
		last: make([]int32, len(f)), first: make([]int32, len(f))}
	for i, s := range f {
		b.first[i] = int32(len(b.layout.Scored))
		if s.Scored {
			b.score(i)
		}
	}
	var bundle []int
	held, heldLive, heldBranches := 0, 0, 0
	for _, tree := range f.byRoot() {
		n, branches := 0, 0
		for _, s := range tree {
			k := len(f[s].Tokens)
			switch {
			case b.shared[s]:
				n += k
			case k > limits.Batch:
				return nil, fmt.Errorf("segment %d has %d tokens; a batch of a pass holds %d", s, k, limits.Batch)
			default:
				branches += k
			}
		}
		if n > limits.Shared {
			return nil, fmt.Errorf("the shared segments of a tree have %d tokens; a pass holds %d", n, limits.Shared)
		}
		if branches > limits.MostBranches() {
			return nil, fmt.Errorf("the branches of a tree have %d tokens; a pass holds %d", branches,
				limits.MostBranches())
		}
		live := f.liveTokens(tree, b.shared)
		if live > limits.MostLive() {
			return nil, fmt.Errorf("%d tokens of the shared segments of a tree predict; a pass holds %d such", live,
				limits.MostLive())
		}
		if held+n > limits.Shared || heldLive+live > limits.MostLive() ||
			heldBranches+branches > limits.MostBranches() {
			b.bundle(bundle, limits.Batch)
			bundle, held, heldLive, heldBranches = nil, 0, 0, 0
		}
		bundle, held, heldLive, heldBranches = append(bundle, tree...), held+n, heldLive+live, heldBranches+branches
	}
	if len(bundle) > 0 {
		b.bundle(bundle, limits.Batch)
	}
	return b.layout, nil
}

// byRoot lists the segments of each tree under the index of its root; other entries are empty.
func (f Forest) byRoot() [][]int {
	trees := make([][]int, len(f))
	root := make([]int32, len(f))
	for i, s := range f {
		root[i] = int32(i)
		if s.Parent >= 0 {
			root[i] = root[s.Parent]
		}
		trees[root[i]] = append(trees[root[i]], i)
	}
	return trees
}

// A builder lays out a forest. Its lists have an entry per segment.
type builder struct {
	forest Forest
	layout *Layout
	shared []bool  // whether others continue the segment
	start  []int32 // key row of the segment's first token, in its bundle
	last   []int32 // key row of the last token of the segment's context, itself included; -1 if none
	first  []int32 // index of the segment's first scored token in Layout.Scored
}

// score lists the tokens of segment i that have a predictor.
func (b *builder) score(i int) {
	s := &b.forest[i]
	inv := float32(1)
	if s.Temperature > 0 {
		inv = 1 / s.Temperature
	}
	for j, t := range s.Tokens {
		if j > 0 || b.follows(i) {
			b.layout.Scored = append(b.layout.Scored,
				ScoredToken{Target: t, InvTemp: inv, Segment: int32(i), Index: int32(j)})
		}
	}
}

// follows reports whether the context of segment i has tokens before it.
func (b *builder) follows(i int) bool {
	for a := b.forest[i].Parent; a >= 0; a = b.forest[a].Parent {
		if len(b.forest[a].Tokens) > 0 {
			return true
		}
	}
	return false
}

// bundle lays out some trees, given as their segments in the order of the trees, with up to batch
// tokens per batch of branches.
func (b *builder) bundle(segments []int, batch int) {
	b.layout.Bundles = append(b.layout.Bundles, Bundle{})
	out := &b.layout.Bundles[len(b.layout.Bundles)-1]
	for _, s := range segments {
		if b.shared[s] {
			b.add(&out.Shared, s, 0)
		}
	}
	held := int32(len(out.Shared.Ids))
	for _, s := range segments {
		if b.shared[s] {
			continue
		}
		n := len(b.forest[s].Tokens)
		if k := len(out.Branches); k == 0 || len(out.Branches[k-1].Ids)+n > batch {
			out.Branches = append(out.Branches, Batch{})
		}
		b.add(&out.Branches[len(out.Branches)-1], s, held)
	}
	for _, s := range segments {
		if seg := &b.forest[s]; seg.Scored && len(seg.Tokens) > 0 && b.follows(s) {
			out.Shared.predicts(b.last[seg.Parent], b.first[s])
		}
	}
	out.Shared.sort()
	out.Shared.finish()
	for i := range out.Branches {
		out.Branches[i].finish()
	}
}

// add appends segment s to a batch whose keys begin at row base of the bundle's.
func (b *builder) add(p *Batch, s int, base int32) {
	seg := &b.forest[s]
	row := int32(len(p.Ids))
	b.start[s], b.last[s] = base+row, -1
	if seg.Parent >= 0 {
		b.last[s] = b.last[seg.Parent]
	}
	k := int32(len(seg.Tokens))
	if k > 0 {
		b.last[s] = base + row + k - 1
		p.Queries = append(p.Queries, kernels.Query{Row: row, Len: k, Spans: b.spans(s)})
	}
	for j, t := range seg.Tokens {
		p.Ids, p.Pos = append(p.Ids, t), append(p.Pos, seg.Pos+int32(j))
	}
	if !seg.Scored || k == 0 {
		return
	}
	n := b.first[s]
	if b.follows(s) {
		p.ScoredHere = append(p.ScoredHere, n)
		n++
	}
	for j := range k - 1 {
		p.ScoredHere = append(p.ScoredHere, n+j)
		p.predicts(row+j, n+j)
	}
}

// spans lists the keys of the ancestors of segment s, from the root down, then its own.
func (b *builder) spans(s int) []kernels.Span {
	path := b.forest.Path(s)
	spans := make([]kernels.Span, 0, len(path))
	for _, a := range path {
		if k := len(b.forest[a].Tokens); k > 0 {
			spans = append(spans, kernels.Span{Row: b.start[a], Len: int32(k)})
		}
	}
	return spans
}

// predicts notes that a row of the batch predicts a scored token.
func (p *Batch) predicts(row, scored int32) {
	p.PredictRows, p.Predicted = append(p.PredictRows, row), append(p.Predicted, scored)
}

// sort orders the predicted tokens by their place in the forest.
func (p *Batch) sort() {
	order := make([]int, len(p.Predicted))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return int(p.Predicted[i] - p.Predicted[j]) })
	rows, predicted := make([]int32, len(order)), make([]int32, len(order))
	for i, k := range order {
		rows[i], predicted[i] = p.PredictRows[k], p.Predicted[k]
	}
	p.PredictRows, p.Predicted = rows, predicted
}

// finish lists the live rows and renumbers PredictRows among them.
func (p *Batch) finish() {
	live := append(make([]int32, 0, len(p.PredictRows)), p.PredictRows...) // not nil, which would mean all
	slices.Sort(live)
	live = slices.Compact(live)
	for i, r := range p.PredictRows {
		n, _ := slices.BinarySearch(live, r)
		p.PredictRows[i] = int32(n)
	}
	p.LiveRows, p.LastQueries = live, SelectRows(p.Queries, live)
	if len(live) == len(p.Ids) {
		p.LiveRows, p.LastQueries = nil, p.Queries
	}
}

// SelectRows returns the queries of some rows, which must ascend: one query per stretch of
// consecutive rows of the same query. The result numbers rows by their index in rows.
func SelectRows(queries []kernels.Query, rows []int32) []kernels.Query {
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

// trim returns spans without their last n keys. It does not write to spans.
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
