package term

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		text string
		same []string // a text of one word each, whose hashes in order are those of text
	}{
		{"Rye, rye-bread & ÉTÉ 1,500!", []string{"rye", "RYE", "bread", "été", "1", "500"}},
		{"漢字abcかな", []string{"漢", "字", "abc", "か", "な"}},
		{" — ", nil},
	} {
		var want []uint64
		for _, w := range c.same {
			want = Words(want, w)
		}
		if got := Words(nil, c.text); !slices.Equal(got, want) || len(want) != len(c.same) {
			t.Errorf("%q: %d words %x, want %x", c.text, len(got), got, want)
		}
	}
	// The published FNV-1a value of "foobar".
	if got, want := Words(nil, "foobar"), Mix(0x85944171f73967e8); !slices.Equal(got, []uint64{want}) {
		t.Errorf("hash %x, want %x", got, want)
	}
}

// vectors returns the vectors of texts, each given as a list of parts.
func vectors(texts [][]string) []Vector {
	c := NewCounter()
	for _, parts := range texts {
		for _, p := range parts {
			c.Add(p)
		}
		c.Next()
	}
	return c.Vectors()
}

func TestVectorsAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	some := func(n int) string {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "word%d ", rng.IntN(1+rng.IntN(300)))
		}
		return b.String()
	}
	var texts [][]string
	for range 12 {
		texts = append(texts, []string{some(100), some(50)})
	}
	counts, found := make([]map[uint64]int, len(texts)), map[uint64]float64{}
	for i, parts := range texts {
		counts[i] = map[uint64]int{}
		for _, p := range parts {
			for _, h := range Words(nil, p) {
				counts[i][h%Dims]++
			}
		}
		for d := range counts[i] {
			found[d]++
		}
	}
	dot := func(i, j int) (sum float64) {
		for d, n := range counts[i] {
			idf := math.Log(1 + 12/found[d])
			sum += float64(bits.Len(uint(n))*bits.Len(uint(counts[j][d]))) * idf * idf
		}
		return sum
	}
	vs := vectors(texts)
	for i := range texts {
		for j := range texts {
			want := dot(i, j) / math.Sqrt(dot(i, i)*dot(j, j))
			if got := vs[i].Cosine(vs[j]); math.Abs(got-want) > 1e-3 {
				t.Errorf("cosine of %d and %d is %.5f, want %.5f", i, j, got, want)
			}
			if got, want := vs[i].Along(Mean(vs[j])), vs[i].Cosine(vs[j]); math.Abs(got-want) > 1e-12 {
				t.Errorf("dense cosine of %d and %d is %g, sparse %g", i, j, got, want)
			}
		}
	}
	if v := vectors([][]string{{"—"}, {"a"}}); len(v[0]) != 0 || len(v[1]) != 1 {
		t.Errorf("a text without words and one of one word have vectors %v", v)
	}
}
