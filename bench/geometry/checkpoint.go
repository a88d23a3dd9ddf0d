package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/model"
	"spell/model/hf"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor"
	"spell/tokenizer"
)

// endToken is the name of the last token of a vocabulary.
const endToken = "<|end|>"

// writeCheckpoint writes a decoder of random weights as a Hugging Face folder, in bf16, row after row:
// it takes no more memory than its tokenizer.
func writeCheckpoint(dir string, c model.Config) error {
	tok, err := newTokenizer(c.Vocab)
	if err != nil {
		return err
	}
	text, err := tok.MarshalJSON()
	if err != nil {
		return err
	}
	if c.BOS >= 0 {
		c.BOS = 0
	}
	c.EOS = []int32{int32(c.Vocab) - 1}
	carried := map[string][]byte{"tokenizer.json": text}
	return hf.Write(dir, &c, carried, randomRows, func(model.Shape) tensor.DType { return tensor.BF16 })
}

// randomRows is a model.Rows of weights at the scale of fresh ones. A row follows from its place alone.
func randomRows(v []float32, s model.Shape, from, to int) error {
	mean, std := 0.0, 0.0
	switch s.Kind {
	case model.Embedding:
		std = 0.02
	case model.Matrix, model.Router:
		std = 1 / math.Sqrt(float64(s.Cols))
	case model.Residual:
		std = 0.1 / math.Sqrt(float64(s.Cols))
	case model.Norm:
		mean = 1
	}
	// A uniform number has the standard deviation of half its range over the root of three.
	scale, h := float32(std*math.Sqrt(3)/(1<<31)), fnv.New64a()
	h.Write([]byte(s.Name))
	for row := from; row < to; row++ {
		r := rand.NewPCG(h.Sum64(), uint64(row))
		at := v[(row-from)*s.Cols:][:s.Cols]
		for i := 0; i < len(at); i += 2 {
			u := r.Uint64()
			at[i] = float32(mean) + scale*float32(int32(u))
			if i+1 < len(at) {
				at[i+1] = float32(mean) + scale*float32(int32(u>>32))
			}
		}
	}
	return nil
}

// newTokenizer makes a byte-level vocabulary of so many tokens: what the instructions of self-play teach,
// so that they take about the tokens that they take of a real one; pairs of letters, the first of which
// may be a space; pairs of such pairs; and, last, endToken.
func newTokenizer(vocab int) (*tokenizer.Tokenizer, error) {
	l, err := instructions(vocab)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, t := range l.Tokens {
		have[t] = true
	}
	merge := func(left, right string) {
		if t := left + right; !have[t] && len(l.Tokens) < vocab-1 {
			l.Tokens, l.Merges = append(l.Tokens, t), append(l.Merges, left+" "+right)
			have[t] = true
		}
	}
	const letters, space = "etaoinshrdlucmfwypvbgkjqxz", "Ġ"
	var begins, inner []string
	for a := range strings.SplitSeq(letters, "") {
		merge(space, a)
		begins = append(begins, space+a)
		for b := range strings.SplitSeq(letters, "") {
			merge(a, b)
			inner = append(inner, a+b)
		}
	}
	for _, left := range append(begins, inner...) {
		for _, right := range inner {
			merge(left, right)
		}
	}
	if len(l.Tokens) != vocab-1 {
		return nil, fmt.Errorf("a vocabulary of %d is none that is made here: it has %d tokens and an end", vocab,
			len(l.Tokens))
	}
	l.Tokens, l.Types = append(l.Tokens, endToken), make([]tokenizer.TokenType, vocab)
	for i := range l.Types {
		l.Types[i] = tokenizer.NormalToken
	}
	l.Types[vocab-1] = tokenizer.ControlToken
	return tokenizer.NewByteLevel(l)
}

// instructions returns the vocabulary that the prompts of self-play teach, of less than vocab tokens.
func instructions(vocab int) (l tokenizer.Lists, err error) {
	p, err := role.Load("full")
	if err != nil {
		return l, err
	}
	var text strings.Builder
	ask, question := p.Questioner(asked, nil, nil, role.Drawn{Letter: "A"})
	read, answer := p.Responder(asked, nil, task.Question{})
	for range 2 { // what occurs once teaches nothing
		for _, part := range []string{ask, question, read, answer, p.Verifier(task.Question{}, "", "")} {
			text.WriteString(part + "\n")
		}
	}
	tok, err := tokenizer.Train(slices.Values([]string{text.String()}),
		tokenizer.TrainOptions{VocabSize: min(vocab-1, 4096), Pattern: tokenizer.Qwen2})
	if err != nil {
		return l, err
	}
	l, err = tok.Lists(tok.VocabSize())
	l.Pre = "qwen2"
	return l, err
}

// pieces is how many documents a prompt holds.
const pieces = 16

// writeDocuments writes a folder of documents of random words for each question of a step. They fill what
// the longest prompt has room for beside instructions and a question.
func writeDocuments(dir string, tok *tokenizer.Tokenizer, n sizes) error {
	p, err := role.Load("full")
	if err != nil {
		return err
	}
	const joints = 8 // tokens where texts meet, at most
	prefix, ask := p.Questioner(asked, nil, nil, role.Drawn{Letter: "A"})
	room := n.Prompt - n.Answer - len(tok.Encode(prefix)) - len(tok.Encode(ask)) - joints
	mark := len(tok.Encode(p.Documents([]string{"", ""}))) - len(tok.Encode(p.Documents([]string{""})))
	if room < (mark+3)*pieces {
		return fmt.Errorf("a prompt of %d tokens leaves documents %d beside instructions and a question of %d",
			n.Prompt, max(room, 0), n.Answer)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for q := range n.Questions {
		at := filepath.Join(dir, fmt.Sprintf("%03d", q))
		if err := os.MkdirAll(at, 0o777); err != nil {
			return err
		}
		used := 0
		for i := range pieces {
			text, size := randomText(r, tok, room*(i+1)/pieces-used-mark)
			if err := os.WriteFile(filepath.Join(at, fmt.Sprintf("%03d.txt", i)), []byte(text), 0o666); err != nil {
				return err
			}
			used += size + mark
		}
	}
	return nil
}

// randomText returns random words of at most so many tokens, and the tokens there are.
func randomText(r *rand.Rand, tok *tokenizer.Tokenizer, most int) (text string, size int) {
	for {
		longer := text
		if longer != "" {
			longer += " "
		}
		for range 2 + r.IntN(4) {
			longer += string(rune('a' + r.IntN(26)))
		}
		n := len(tok.Encode(longer))
		if n > most {
			return text, size
		}
		text, size = longer, n
	}
}
