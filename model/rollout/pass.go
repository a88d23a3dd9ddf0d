package rollout

import "spell/kernels"

// A pass is the rows of one trip through the decoder: the newest token of every live answer,
// then as many prompt tokens as fit.
type pass struct {
	ids, pos, slots []int32
	queries         []kernels.Query
	sampled         []sampledRow
	sampleRows      []int32
}

// headRow is a row whose next token a child waits for.
type sampledRow struct {
	row      int32
	number   int32 // among all such rows
	sequence *sequence
}

// on is the rows of the heads, each once, ascending as they were added; it numbers them.
func (p *pass) on() []int32 {
	p.sampleRows = p.sampleRows[:0]
	for i := range p.sampled {
		h := &p.sampled[i]
		if n := len(p.sampleRows); n == 0 || p.sampleRows[n-1] != h.row {
			p.sampleRows = append(p.sampleRows, h.row)
		}
		h.number = int32(len(p.sampleRows) - 1)
	}
	return p.sampleRows
}

func (p *pass) reset() {
	p.ids, p.pos, p.slots, p.queries, p.sampled = p.ids[:0], p.pos[:0], p.slots[:0], p.queries[:0], p.sampled[:0]
}

// decode adds the newest token of each live answer of j.
func (p *pass) decode(j *requestState) {
	for _, c := range j.sequences {
		if c.done != "" || !c.ready {
			continue
		}
		row := int32(len(p.ids))
		i := c.kv.n
		p.ids = append(p.ids, c.out[i])
		p.pos = append(p.pos, c.pos+i)
		p.slots = append(p.slots, c.kv.slot(i))
		c.kv.n++
		p.queries = append(p.queries, kernels.Query{Row: row, Len: 1, Spans: c.kv.spans(j.context(j.Branches[c.branch].Segment))})
		p.sampled = append(p.sampled, sampledRow{row: row, sequence: c})
	}
}

// prefill adds prompt tokens of j, segment after segment, until the pass has limit rows.
func (p *pass) prefill(j *requestState, limit int) {
	for j.reading < len(j.Prompt) && len(p.ids) < limit {
		s, r := j.Prompt[j.reading], j.segments[j.reading]
		n := min(int32(len(s.Tokens))-r.n, int32(limit-len(p.ids)))
		row := int32(len(p.ids))
		for i := r.n; i < r.n+n; i++ {
			p.ids = append(p.ids, s.Tokens[i])
			p.pos = append(p.pos, s.Pos+i)
			p.slots = append(p.slots, r.slot(i))
		}
		r.n += n
		if n > 0 {
			p.queries = append(p.queries, kernels.Query{Row: row, Len: n, Spans: j.context(j.reading)})
		}
		if int(r.n) < len(s.Tokens) {
			return
		}
		for _, c := range j.sequences {
			if j.Branches[c.branch].Segment == j.reading {
				p.sampled = append(p.sampled, sampledRow{row: row + n - 1, sequence: c})
			}
		}
		j.reading++
	}
}

// context is the cached keys of segment s and its ancestors, in order.
func (j *requestState) context(s int) []kernels.Span {
	var spans []kernels.Span
	for _, a := range j.Prompt.Path(s) {
		spans = j.segments[a].spans(spans)
	}
	return spans
}
