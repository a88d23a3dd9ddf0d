package rollout

import (
	"context"
	"errors"

	"spell/kernels"
	"spell/model"
)

// Attention returns where the attention of tokens [from, to) of an answer went when each was predicted, the mean
// over these tokens: for each of n groups the part of the attention that its tokens got, averaged over heads and
// layers. groups has the group of each token of the prompt from its root on, -1 for none; tokens beyond, as the
// answer's, are in no group. What the parts lack to 1 went to tokens that are in none.
//
// It is asked from the done function of a request with Hold, about an answer by its index in the result. The
// answer's tokens are read once more, and nothing of the prompt is.
func (e *Engine) Attention(ctx context.Context, answer, from, to int, groups []int32, n int) ([]float64, error) {
	s := e.held
	if s == nil {
		return nil, errors.New("attention is asked about while a request with Hold is handed out")
	}
	q := s.kept()[answer]
	kernels.Check("Attention", 0 <= from && from < to && to <= len(q.tokens), "tokens [%d, %d) of %d", from, to,
		len(q.tokens))
	share := model.Share{N: n}
	var ids, pos []int32 // of the whole path
	var spans []kernels.Span
	for _, a := range s.Prompt.Path(s.Branches[q.branch].Segment) {
		seg, kv := &s.Prompt[a], s.segments[a]
		for i := range int32(len(seg.Tokens)) {
			if at := len(ids); at < len(groups) && groups[at] >= 0 {
				share.Slots, share.Groups = append(share.Slots, kv.slot(i)), append(share.Groups, groups[at])
			}
			ids, pos = append(ids, seg.Tokens[i]), append(pos, seg.Pos+i)
		}
		spans = kv.spans(spans)
	}
	first := len(ids) - 1 + from // the row that predicts token from
	for i := range int32(to - 1) {
		ids, pos = append(ids, q.tokens[i]), append(pos, q.pos+i)
	}
	total := make([]float64, n)
	for begin := first; begin < len(ids); begin += e.opts.Rows {
		end := min(begin+e.opts.Rows, len(ids))
		own := q.kv
		own.n = max(0, int32(end)-int32(len(ids)-(to-1)))
		share.Ids, share.Pos = ids[begin:end], pos[begin:end]
		share.Queries = []kernels.Query{{Len: int32(end - begin), Spans: own.spans(spans[:len(spans):len(spans)])}}
		rows, err := e.cache.Shares(ctx, &share)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			for g, p := range row {
				total[g] += p / float64(to-from)
			}
		}
	}
	return total, nil
}

// kept returns the answers that were not dropped, in the order of the result.
func (s *requestState) kept() []*sequence {
	var list []*sequence
	for _, q := range s.sequences {
		if q.done != dropped {
			list = append(list, q)
		}
	}
	return list
}
