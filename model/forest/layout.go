package forest

import "spell/kernels"

// A Layout is a forest as the decoder sees it: one row a token, segment after segment.
type Layout struct {
	Ids     []int32         // token of each row
	Pos     []int32         // position of each row
	Start   []int32         // first row of each segment
	Queries []kernels.Query // a run for each segment that has tokens
	Scored  []Scored        // the tokens to score, in the order of segments
}

// A Scored is one token whose log-probability is wanted.
type Scored struct {
	Row     int32   // the row that predicts it: the token before it in its context
	Target  int32   // its id
	InvTemp float32 // 1/temperature
	Segment int32
	Index   int32 // within the segment
}

// Lay lays out a valid forest. The first token of a root has no predictor and is not scored;
// the first token of any other segment is predicted by the last token of its context.
func Lay(f Forest) *Layout {
	n := f.Tokens()
	l := &Layout{Ids: make([]int32, 0, n), Pos: make([]int32, 0, n), Start: make([]int32, len(f))}
	last := make([]int32, len(f)) // the last row of each segment's context, itself included; -1: none
	for i, s := range f {
		start := int32(len(l.Ids))
		l.Start[i] = start
		before := int32(-1)
		if s.Parent >= 0 {
			before = last[s.Parent]
		}
		for j, t := range s.Tokens {
			l.Ids = append(l.Ids, t)
			l.Pos = append(l.Pos, s.Pos+int32(j))
		}
		last[i] = before
		if k := int32(len(s.Tokens)); k > 0 {
			last[i] = start + k - 1
			l.Queries = append(l.Queries, kernels.Query{Row: start, Len: k, Spans: l.spans(f, i)})
		}
		if s.Loss {
			l.score(s, int32(i), before)
		}
	}
	return l
}

// spans are the rows of the ancestors of segment i, then its own.
func (l *Layout) spans(f Forest, i int) []kernels.Span {
	path := f.Path(i)
	spans := make([]kernels.Span, 0, len(path))
	for _, a := range path {
		if k := len(f[a].Tokens); k > 0 {
			spans = append(spans, kernels.Span{Row: l.Start[a], Len: int32(k)})
		}
	}
	return spans
}

func (l *Layout) score(s Segment, i, before int32) {
	inv := float32(1)
	if s.Temperature > 0 {
		inv = 1 / s.Temperature
	}
	for j, t := range s.Tokens {
		if before >= 0 {
			l.Scored = append(l.Scored, Scored{Row: before, Target: t, InvTemp: inv, Segment: i, Index: int32(j)})
		}
		before = l.Start[i] + int32(j)
	}
}
