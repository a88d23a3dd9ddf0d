package rollout

import "spell/kernels"

// A pass is the rows of one trip through the decoder: the newest token of every live answer,
// then as many prompt tokens as fit.
type pass struct {
	ids, pos, slots []int32
	queries         []kernels.Query
	heads           []headRow
	heading         []int32
}

// headRow is a row whose next token a child waits for.
type headRow struct {
	row    int32
	number int32 // among all such rows
	child  *child
}

// on is the rows of the heads, each once, ascending as they were added; it numbers them.
func (p *pass) on() []int32 {
	p.heading = p.heading[:0]
	for i := range p.heads {
		h := &p.heads[i]
		if n := len(p.heading); n == 0 || p.heading[n-1] != h.row {
			p.heading = append(p.heading, h.row)
		}
		h.number = int32(len(p.heading) - 1)
	}
	return p.heading
}

func (p *pass) reset() {
	p.ids, p.pos, p.slots, p.queries, p.heads = p.ids[:0], p.pos[:0], p.slots[:0], p.queries[:0], p.heads[:0]
}

// decode adds the newest token of each live answer of j.
func (p *pass) decode(j *job) {
	for _, c := range j.children {
		if c.done != "" || !c.ready {
			continue
		}
		row := int32(len(p.ids))
		i := c.run.n
		p.ids = append(p.ids, c.out[i])
		p.pos = append(p.pos, c.pos+i)
		p.slots = append(p.slots, c.run.slot(i))
		c.run.n++
		p.queries = append(p.queries, kernels.Query{Row: row, Len: 1, Spans: c.run.spans(j.context(j.Leaves[c.leaf].Segment))})
		p.heads = append(p.heads, headRow{row: row, child: c})
	}
}

// prefill adds prompt tokens of j, segment after segment, until the pass has limit rows.
func (p *pass) prefill(j *job, limit int) {
	for j.segment < len(j.Prompt) && len(p.ids) < limit {
		s, r := j.Prompt[j.segment], j.runs[j.segment]
		n := min(int32(len(s.Tokens))-r.n, int32(limit-len(p.ids)))
		row := int32(len(p.ids))
		for i := r.n; i < r.n+n; i++ {
			p.ids = append(p.ids, s.Tokens[i])
			p.pos = append(p.pos, s.Pos+i)
			p.slots = append(p.slots, r.slot(i))
		}
		r.n += n
		if n > 0 {
			p.queries = append(p.queries, kernels.Query{Row: row, Len: n, Spans: j.context(j.segment)})
		}
		if int(r.n) < len(s.Tokens) {
			return
		}
		for _, c := range j.children {
			if j.Leaves[c.leaf].Segment == j.segment {
				p.heads = append(p.heads, headRow{row: row + n - 1, child: c})
			}
		}
		j.segment++
	}
}

// context is the cached keys of segment s and its ancestors, in order.
func (j *job) context(s int) []kernels.Span {
	var spans []kernels.Span
	for _, a := range j.Prompt.Path(s) {
		spans = j.runs[a].spans(spans)
	}
	return spans
}
