package folder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"spell/rl/corpus"
)

func asPieces(texts ...string) (pieces []piece) {
	for i, text := range texts {
		name := fmt.Sprintf("%d.txt", i)
		pieces = append(pieces, piece{Document: corpus.Document{Name: name, Text: text}, file: name})
	}
	return pieces
}

// newReader returns a reader that nothing stops.
func newReader() *reader {
	return &reader{meter: meter{ctx: context.Background()}, report: &Report{}, extensions: textExtensions}
}

func TestDistinct(t *testing.T) {
	prose := strings.TrimSpace(numbered(0, 100))
	var dropped []string
	kept, err := newReader().distinct(asPieces(
		prose,
		strings.ToUpper(prose),                        // equal but for case
		strings.ReplaceAll(prose, " ", " \n"),         // equal but for blank space
		strings.ReplaceAll(prose, " ", ", "),          // equal but for punctuation, so near
		strings.Replace(prose, "w50 ", "changed ", 1), // 91 of 96 shingles stay: 91/101
		strings.Replace(prose, "w5", "changed", -1),   // w5, w50 … w59 change: 77/115
		"— … —",                                       // no words at all
		"— …",
		"— … —",
		"short text",
		"Short: text",
	), func(p, of piece, near bool) {
		dropped = append(dropped, fmt.Sprintf("%s of %s, near %t", p.Name, of.Name, near))
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range kept {
		got = append(got, p.Name)
	}
	if want := []string{"0.txt", "5.txt", "6.txt", "7.txt", "9.txt"}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	want := []string{"1.txt of 0.txt, near false", "2.txt of 0.txt, near false", "3.txt of 0.txt, near true",
		"4.txt of 0.txt, near true", "8.txt of 6.txt, near false", "10.txt of 9.txt, near true"}
	if !slices.Equal(dropped, want) {
		t.Errorf("dropped %q, want %q", dropped, want)
	}
}

// numbered returns the words w<from> … w<to−1>.
func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "w%d ", i)
	}
	return b.String()
}

// Every decision must be that of comparing all pairs by their true Jaccard similarity over sets of
// strings.
func TestDistinctAgainstAllPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var texts []string
	for range 40 {
		words := strings.Fields(numbered(rng.IntN(1000), 1000+rng.IntN(200)))
		for range 6 {
			for range rng.IntN(len(words) / 40) {
				words[rng.IntN(len(words))] = fmt.Sprint("x", rng.IntN(1e6))
			}
			texts = append(texts, strings.Join(words, " "))
		}
	}
	set := func(text string) map[string]bool {
		w, s := strings.Fields(text), map[string]bool{}
		for i := range len(w) - 4 {
			s[strings.Join(w[i:i+5], " ")] = true
		}
		return s
	}
	var want []string
	var sets []map[string]bool
	for _, text := range texts {
		s := set(text)
		if slices.ContainsFunc(sets, func(o map[string]bool) bool {
			common := 0
			for x := range s {
				if o[x] {
					common++
				}
			}
			return float64(common)/float64(len(s)+len(o)-common) >= 0.8
		}) {
			continue
		}
		want, sets = append(want, text), append(sets, s)
	}
	var got []string
	kept, err := newReader().distinct(asPieces(texts...), func(p, of piece, near bool) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range kept {
		got = append(got, p.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("kept %d of %d texts, comparing all pairs keeps %d", len(got), len(texts), len(want))
	}
	if len(want) == len(texts) || len(want) <= 40 {
		t.Errorf("the texts put nothing to the test: %d of %d are distinct", len(want), len(texts))
	}
}
