package rollout

import "spell/kernels"

// A pass is the rows of one batch: the newest token of every live answer, then as many prompt
// tokens as fit.
type pass struct {
	ids, pos, slots []int32 // of each row: token, position, cache row of its key and value
	queries         []kernels.Query
	sampled         []sampledRow
	sampleRows      []int32
}

// A sampledRow is a row from which the next token of a sequence is drawn.
type sampledRow struct {
	row      int32 // of the pass
	number   int32 // of row in sampleRows
	sequence *sequence
}

// rowsToSample lists the rows that tokens are drawn from, each once, ascending as they were added.
// It sets the numbers in sampled.
func (p *pass) rowsToSample() []int32 {
	p.sampleRows = p.sampleRows[:0]
	for i := range p.sampled {
		s := &p.sampled[i]
		if n := len(p.sampleRows); n == 0 || p.sampleRows[n-1] != s.row {
			p.sampleRows = append(p.sampleRows, s.row)
		}
		s.number = int32(len(p.sampleRows) - 1)
	}
	return p.sampleRows
}

func (p *pass) reset() {
	p.ids, p.pos, p.slots, p.queries, p.sampled = p.ids[:0], p.pos[:0], p.slots[:0], p.queries[:0], p.sampled[:0]
}

// decode adds the newest token of each live answer of a request.
func (p *pass) decode(s *requestState) {
	for _, q := range s.sequences {
		if q.done != "" || !q.ready {
			continue
		}
		row, i := int32(len(p.ids)), q.kv.n
		p.ids = append(p.ids, q.tokens[i])
		p.pos = append(p.pos, q.pos+i)
		p.slots = append(p.slots, q.kv.slot(i))
		q.kv.n++
		spans := q.kv.spans(s.contextKeys(s.Branches[q.branch].Segment))
		p.queries = append(p.queries, kernels.Query{Row: row, Len: 1, Spans: spans})
		p.sampled = append(p.sampled, sampledRow{row: row, sequence: q})
	}
}

// prefill adds prompt tokens of a request, segment after segment, until the pass has limit rows.
func (p *pass) prefill(s *requestState, limit int) {
	for s.reading < len(s.Prompt) && len(p.ids) < limit {
		seg, kv := s.Prompt[s.reading], s.segments[s.reading]
		n := min(int32(len(seg.Tokens))-kv.n, int32(limit-len(p.ids)))
		row := int32(len(p.ids))
		for i := kv.n; i < kv.n+n; i++ {
			p.ids = append(p.ids, seg.Tokens[i])
			p.pos = append(p.pos, seg.Pos+i)
			p.slots = append(p.slots, kv.slot(i))
		}
		kv.n += n
		if n > 0 {
			p.queries = append(p.queries, kernels.Query{Row: row, Len: n, Spans: s.contextKeys(s.reading)})
		}
		if int(kv.n) < len(seg.Tokens) {
			return
		}
		for _, q := range s.sequences {
			if s.Branches[q.branch].Segment == s.reading {
				p.sampled = append(p.sampled, sampledRow{row: row + n - 1, sequence: q})
			}
		}
		s.reading++
	}
}

// contextKeys lists the cached keys of a segment's ancestors, in order, and of the segment.
func (s *requestState) contextKeys(segment int) []kernels.Span {
	var spans []kernels.Span
	for _, a := range s.Prompt.Path(segment) {
		spans = s.segments[a].spans(spans)
	}
	return spans
}
