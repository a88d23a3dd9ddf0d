package main

import (
	"math"
	"slices"
	"testing"

	"spell/model"
)

// TestTokenizer: the vocabulary has as many tokens as are asked for, and gives texts back.
func TestTokenizer(t *testing.T) {
	for _, n := range []int{2000, 152064} {
		tok, err := newTokenizer(n)
		if err != nil {
			t.Fatal(err)
		}
		const text = "What is \"so\"? Ünïcode\n\tand 17 tokens."
		ids := tok.Encode(text)
		if got := tok.Decode(ids); got != text || slices.Max(ids) >= int32(n)-1 || len(ids) > len(text) {
			t.Errorf("%d tokens: %q becomes %q by %d", n, text, got, ids)
		}
		end, ok := tok.TokenID(endToken)
		if !ok || int(end) != n-1 || tok.VocabSize() != n || tok.DecodeSkipSpecial([]int32{end}) != "" {
			t.Errorf("of %d tokens the end is %d, %v", tok.VocabSize(), end, ok)
		}
	}
	for _, n := range []int{200, 1 << 20} {
		if _, err := newTokenizer(n); err == nil {
			t.Errorf("a vocabulary of %d was made", n)
		}
	}
}

// TestRandomRows: weights have the scale of their kind, and a row is the same in whatever piece it is read.
func TestRandomRows(t *testing.T) {
	for _, x := range []struct {
		kind      model.Kind
		mean, std float64
	}{{model.Embedding, 0, 0.02}, {model.Matrix, 0, 1 / math.Sqrt(99)}, {model.Norm, 1, 0}, {model.Bias, 0, 0}} {
		s := model.Shape{Name: "w", Rows: 300, Cols: 99, Kind: x.kind}
		all, part := make([]float32, 300*99), make([]float32, 5*99)
		if err := randomRows(all, s, 0, 300); err != nil {
			t.Fatal(err)
		}
		if err := randomRows(part, s, 70, 75); err != nil || !slices.Equal(part, all[70*99:75*99]) {
			t.Errorf("kind %d: rows 70 to 75 are others when they are read alone (%v)", x.kind, err)
		}
		var sum, squares float64
		for _, v := range all {
			sum, squares = sum+float64(v), squares+(float64(v)-x.mean)*(float64(v)-x.mean)
		}
		n := float64(len(all))
		if std := math.Sqrt(squares / n); math.Abs(sum/n-x.mean) > 0.05*x.std || math.Abs(std-x.std) > 0.02*x.std {
			t.Errorf("kind %d: mean %g and deviation %g, want %g and %g", x.kind, sum/n, std, x.mean, x.std)
		}
	}
}
