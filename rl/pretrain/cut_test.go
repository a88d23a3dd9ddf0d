package pretrain

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/tensor/rng"
)

// counted is a text of about so many bytes, every few of which stand nowhere else in it.
func counted(bytes int, word string) string {
	var s strings.Builder
	for i := 0; s.Len() < bytes; i++ {
		fmt.Fprintf(&s, word, i)
	}
	return strings.TrimSpace(s.String())
}

// runes is so many characters in a row.
func runes(first rune, n int) string {
	var s strings.Builder
	for i := range rune(n) {
		s.WriteRune(first + i)
	}
	return s.String()
}

// TestCut: every byte of every text is drawn and predicted, but for the first token of the text, about as
// often as any other, and so is the token that ends the text, behind its real end alone. A window never
// begins within a character and never has fewer than two tokens, so that there is something to predict.
func TestCut(t *testing.T) {
	tok, eos := tokens(t)
	r := &Run{tok: tok, eos: eos}
	for _, c := range []struct {
		name, text string
		window     int
	}{
		{"long", counted(4000, "word%d and "), 64},
		{"as long as eight bytes a token", counted(512, "%d, "), 64},
		{"a little longer than a window", counted(200, "%d "), 64},
		{"shorter than a window", "The mill stands on a hill.", 64},
		{"one character", "a", 8},
		{"two characters of a window", runes(0x100, 90), 4},
		{"of two and three bytes", counted(1500, "é%d 東京 "), 32},
		{"ends on three bytes", counted(300, "%d ") + "東", 16},
		{"one of three bytes", "東", 8},
		{"of four bytes", runes(0x1f600, 30), 16},
		{"tokens of many bytes", counted(1000, "documents %d "), 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := make([]int, len(c.text)) // how often a byte was predicted
			ends, first := 0, 0
			draws := 60 * (len(c.text) + c.window) / c.window
			draws = max(draws, 4000)
			random := rng.At(1, rng.Windows, 0, 0, 0)
			for range draws {
				ids := r.cut(c.text, c.window, random)
				if len(ids) < 2 || len(ids) > c.window {
					t.Fatalf("a window of %d tokens", len(ids))
				}
				body, ended := ids, ids[len(ids)-1] == eos
				if ended {
					body, ends = ids[:len(ids)-1], ends+1
				}
				text := tok.Decode(body)
				at := strings.Index(c.text, text)
				if ended {
					at = len(c.text) - len(text)
				}
				if at < 0 || c.text[at:at+len(text)] != text || !utf8.RuneStart(c.text[at]) {
					if !utf8.ValidString(text) || strings.Contains(text, "�") { // cut within a character at its end
						continue
					}
					t.Fatalf("%q is no part of the text at %d", text, at)
				}
				skip := len(tok.TokenBytes(body[0]))
				if at == 0 {
					first++
				}
				for i := at + skip; i < at+len(text); i++ {
					seen[i]++
				}
			}
			if first == 0 || ends == 0 {
				t.Errorf("of %d windows %d have the beginning and %d the end", draws, first, ends)
			}
			head := len(tok.TokenBytes(tok.Encode(c.text)[0]))
			least, mean := seen[len(seen)-1], 0.0
			for i, n := range seen[min(head, len(seen)-1):] {
				if n == 0 && len(seen) > head {
					t.Fatalf("byte %d of %d is never predicted in %d draws", head+i, len(seen), draws)
				}
				least, mean = min(least, n), mean+float64(n)/float64(len(seen))
			}
			t.Logf("%d draws: %d ends; a byte is predicted %.0f times, the rarest %d", draws, ends, mean, least)
		})
	}
}

// TestText: a step takes windows of every text until it has its tokens.
func TestText(t *testing.T) {
	c := tiny()
	c.Stages = c.Stages[2:]
	b := opentest.CPU(t, 1)
	run := start(t, c, b, model.F32)
	ends := 0
	for n := range 40 {
		run.state.Step = n
		batch := run.batch()
		if got := batch.tokens(); got < 600 || got >= 1200 {
			t.Errorf("%d tokens", got)
		}
		if total := batch.total(); total < 300 {
			t.Errorf("%g tokens are scored", total)
		}
		for _, f := range batch.trees {
			for i, id := range f[0].Tokens {
				if id == run.eos {
					ends++
					if i != len(f[0].Tokens)-1 {
						t.Errorf("the end of a text is token %d of %d", i, len(f[0].Tokens))
					}
				}
			}
		}
	}
	if ends < 20 {
		t.Errorf("%d texts end in 40 steps", ends)
	}
}
