package pretrain

import (
	"spell/model/forest"
	"spell/rl/corpus/exercise"
	"spell/rl/corpus/world"
	"spell/tensor/rng"
	"spell/tokenizer"
)

// words are the ids of the words that are one token with the space before them: what the
// recall drill is made of. n of them are the first that the tokenizer learned, which are the commonest; 0
// are those of the world.
func words(t *tokenizer.Tokenizer, n int) []int32 {
	var ids []int32
	if n > 0 {
		for id := range int32(t.VocabSize()) {
			text := t.TokenBytes(id)
			if len(text) > 2 && text[0] == ' ' && isWord(text[1:]) && len(ids) < n {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for _, w := range world.Vocabulary() {
		if e := t.Encode(" " + w); len(e) == 1 {
			ids = append(ids, e[0])
		}
	}
	return ids
}

// isWord reports whether text is of letters of English alone.
func isWord(text []byte) bool {
	for _, c := range text {
		if (c < 'a' || 'z' < c) && (c < 'A' || 'Z' < c) {
			return false
		}
	}
	return true
}

// drill makes a batch of the recall drill: pairs of distinct keys and random values, then queries,
// each a key at random whose value is to be recalled. Nothing but binding solves
// it, and without it a small decoder takes very long to find out about binding. The sequence is
// cut at random into pieces with up to slack positions left open between them, so that recall
// does not depend on distance.
func drill(r *rng.Rand, words []int32, s *Stage) batch {
	var b batch
	for range s.Batch {
		keys := r.Choose(len(words), s.Pairs)
		values := make([]int32, len(keys))
		for i := range values {
			values[i] = words[r.Intn(len(words))]
		}
		n := s.Pairs + s.Queries
		tokens, weight := make([]int32, 0, 2*n), make([]float32, 2*n)
		order := r.Perm(len(keys))
		for i := range n {
			if i >= s.Pairs {
				order = append(order, r.Intn(len(keys)))
				weight[2*i+1] = 1
			}
			tokens = append(tokens, words[keys[order[i]]], values[order[i]])
		}
		b.add(pieces(r, tokens, weight, s.Slack))
	}
	return b
}

// A part of a text that the copying drill repeats has 3 to longestPart tokens. The first two say which part it is.
const longestPart = 12

// copying makes a batch of the copying drill: a text of random words, then parts of it from random places, each of
// which is to be continued from its third word on as the text goes on. It teaches to find where words stand and to go
// on as it does there, which is most of answering from documents. Half of all words are scored, so that a decoder
// learns it in a third of the tokens that the recall drill takes.
func copying(r *rng.Rand, ids []int32, s *Stage) batch {
	var b batch
	for range s.Batch {
		tokens := make([]int32, s.Text, 2*s.Text+longestPart)
		weight := make([]float32, s.Text, cap(tokens))
		for i := range tokens {
			tokens[i] = ids[r.Intn(len(ids))]
		}
		for len(tokens) < 2*s.Text {
			from := r.Intn(s.Text - 2)
			n := min(3+r.Intn(longestPart-2), s.Text-from)
			tokens = append(tokens, tokens[from:from+n]...)
			for i := range n {
				w := float32(0)
				if i >= 2 {
					w = 1
				}
				weight = append(weight, w)
			}
		}
		b.add(pieces(r, tokens, weight, s.Slack))
	}
	return b
}

// pieces is a scored chain of up to four segments with random gaps, or one segment without slack.
func pieces(r *rng.Rand, tokens []int32, weight []float32, slack int) (forest.Forest, [][]float32) {
	var f forest.Forest
	var w [][]float32
	cuts := []int{len(tokens)}
	if slack > 0 {
		cuts = append(r.Choose(len(tokens)-1, r.Intn(4)), cuts...)
	}
	from, at := 0, -1
	for _, to := range cuts {
		if to == from {
			continue
		}
		at = f.Add(at, tokens[from:to], true)
		if at > 0 {
			f[at].Pos += int32(r.Intn(slack/3 + 1))
		}
		w = append(w, weight[from:to])
		from = to
	}
	return f, w
}

// example turns a text example into a tree: the documents as root, or as a chain
// with random gaps between their positions, and the branches as children. eos ends every reply.
func example(r *rng.Rand, tok *tokenizer.Tokenizer, e exercise.Example, eos int32, s *Stage) (
	forest.Forest, [][]float32) {

	var f forest.Forest
	var w [][]float32
	scored := s.DocWeight > 0
	even := func(n int, v float32) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = v
		}
		return x
	}
	at := -1
	gaps := make([]int32, len(e.Docs)+1)
	if s.Slack > 0 && r.Float64() < 0.7 {
		for left := r.Intn(s.Slack + 1); left > 0; {
			g := 1 + r.Intn(left)
			gaps[r.Intn(len(gaps))] += int32(g)
			left -= g
		}
	}
	add := func(text string, gap int32) {
		at = f.Add(at, tok.Encode(text), scored)
		f[at].Pos += gap
		w = append(w, nil)
		if scored {
			w[at] = even(len(f[at].Tokens), s.DocWeight)
		}
	}
	if s.Slack > 0 && len(e.Docs) > 0 {
		for i, d := range e.Docs {
			add(d+"\n", gaps[i])
		}
	} else if e.Prefix != "" {
		add(e.Prefix, 0)
	}
	for _, b := range e.Branches {
		q := f.Add(at, tok.Encode(b.Suffix), false)
		if at >= 0 {
			f[q].Pos += gaps[len(gaps)-1]
		}
		reply := append(tok.Encode(b.Reply), eos)
		f.Add(q, reply, true)
		w = append(w, nil, replyWeights(tok, b, reply, s.FreeWeight))
	}
	return f, w
}

// replyWeights is 1 for tokens of the reply that are determined and free for the others.
func replyWeights(tok *tokenizer.Tokenizer, b exercise.Branch, reply []int32, free float32) []float32 {
	w := make([]float32, len(reply))
	at := 0
	for i, id := range reply {
		end := at + len(tok.TokenBytes(id))
		w[i] = free
		if b.Determined == nil || i == len(reply)-1 {
			w[i] = 1
		}
		for _, d := range b.Determined {
			if at < d.End && end > d.Start {
				w[i] = 1
			}
		}
		at = end
	}
	return w
}
