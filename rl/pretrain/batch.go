package pretrain

import (
	"unicode/utf8"

	"spell/model/forest"
	"spell/rl/corpus/exercise"
	"spell/tensor/rng"
)

// A batch is the trees of one step and the weight of every scored token's loss: weights[i][s][k] is of
// token k of segment s of tree i; nil for a segment that is not scored.
type batch struct {
	trees   []forest.Forest
	weights [][][]float32
}

func (b *batch) add(f forest.Forest, w [][]float32) {
	b.trees, b.weights = append(b.trees, f), append(b.weights, w)
}

func (b *batch) tokens() int {
	n := 0
	for _, t := range b.trees {
		n += t.Tokens()
	}
	return n
}

// total returns the sum of the weights of all tokens that are scored: all but the first of a root.
func (b *batch) total() float64 {
	var total float64
	for t, tree := range b.weights {
		for k, segment := range tree {
			for i, w := range segment {
				if b.trees[t][k].Parent >= 0 || i > 0 {
					total += float64(w)
				}
			}
		}
	}
	return total
}

// batch makes the data of the current step.
func (r *Run) batch() batch {
	s := r.stage()
	at := func(stream rng.Stream) *rng.Rand {
		return rng.At(r.Config.Seed, stream, uint64(r.state.Stage), uint64(r.state.Step), 0)
	}
	switch s.Data {
	case "drill":
		return drill(at(rng.Drill), r.words[r.state.Stage], s)
	case "copy":
		return copying(at(rng.Drill), r.words[r.state.Stage], s)
	case "world", "reading":
		var b batch
		for i := uint64(0); b.tokens() < s.Tokens; i++ {
			index := uint64(r.state.Stage)<<56 | uint64(r.state.Step)<<16 | i
			e := r.mixtures[r.state.Stage].Example(r.Config.Seed, index)
			if s.Data == "reading" {
				e = r.fitting(e)
			}
			b.add(example(rng.At(r.Config.Seed, rng.Gaps, index, 0, 0), r.tok, e, r.eos, s))
		}
		if s.Batch > 0 { // keeps alive the recall of words that no document has
			d := drill(at(rng.Drill), r.words[r.state.Stage], s)
			b.trees, b.weights = append(b.trees, d.trees...), append(b.weights, d.weights...)
		}
		return b
	}
	return r.text(s, at(rng.Windows))
}

// fitting returns an example without the last branches where a pass does not hold it: the documents with the
// prompts behind them, or a reply.
func (r *Run) fitting(e exercise.Example) exercise.Example {
	n := len(r.tok.Encode(e.Prefix))
	for i, b := range e.Branches {
		n += len(r.tok.Encode(b.Suffix))
		if max(n, len(r.tok.Encode(b.Reply))+1) > r.Config.PassTokens && i > 0 {
			e.Branches = e.Branches[:i]
			break
		}
	}
	return e
}

// window returns the most tokens of a window of text in a stage.
func (r *Run) window(s *Stage) int { return min(r.Model.Weights.Context, s.Tokens, r.state.Window) }

// text cuts windows out of the texts at random places until the step has its tokens. Every byte of every
// text can come up, the last ones with the token that ends a text behind them.
func (r *Run) text(s *Stage, random *rng.Rand) batch {
	var b batch
	for b.tokens() < s.Tokens {
		ids := r.cut(r.texts[random.Intn(len(r.texts))], r.window(s), random)
		var f forest.Forest
		f.Add(-1, ids, true)
		w := make([]float32, len(ids))
		for i := range w {
			w[i] = 1
		}
		b.add(f, [][]float32{w})
	}
	return b
}

// cut returns a window of up to n tokens of a text. Starts before the text count as its beginning, so that
// this comes up as often as any other place; those within a character count as its first byte.
func (r *Run) cut(text string, n int, random *rng.Rand) []int32 {
	start := max(0, random.Intn(len(text)+n)-n)
	for start > 0 && !utf8.RuneStart(text[start]) {
		start--
	}
	const most = 8 // bytes of a token, about; a window that needs more of them is cut shorter
	end := min(len(text), start+most*n)
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	ids := r.tok.Encode(text[start:end])
	if end == len(text) {
		ids = append(ids, r.eos)
	}
	return ids[:min(len(ids), n)]
}
