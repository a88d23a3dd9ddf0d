package tokenizer

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

const smallText = `The cat sat on the mat; the other cat sat on the hat. Don't we'll they're 1234 12 12 2024.
abab abcd abcabc dcba aaaa aaaaaaaa aabb bbaa ccdd abcdabcd badc cabd  "quoted" \backslash\ "quoted" \back
	tab 	tab é é naïve 漢字 漢字 🤗🤗 🤗
`

var smallOnce = sync.OnceValues(func() (*Tokenizer, error) {
	return Train(slices.Values([]string{smallText}), TrainOptions{
		VocabSize: 300, Special: []string{"<|end|>", "<|end|>x"}, Pattern: GPT2,
	})
})

// small returns a tokenizer of 300 tokens, the last two of them special.
func small(tb testing.TB) *Tokenizer {
	tb.Helper()
	t, err := smallOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// naiveTrain counts all pairs anew before each merge and returns the merges as tokens.
func naiveTrain(texts []string, p Pattern, size int) []string {
	var words [][]string
	for _, text := range texts {
		for _, piece := range pieces(p, text) {
			words = append(words, strings.Split(string(toLatin1(piece)), ""))
		}
	}
	var byteOrder []string // in the order of the byte-level alphabet
	for b := range 256 {
		byteOrder = append(byteOrder, string(rune(b)))
	}
	slices.SortFunc(byteOrder, func(a, b string) int {
		return cmp.Compare(byteRunes[[]rune(a)[0]], byteRunes[[]rune(b)[0]])
	})
	ids := map[string]int{}
	for i, b := range byteOrder {
		ids[b] = i
	}
	var merges []string
	for len(ids) < size {
		counts := map[[2]string]int{}
		for _, w := range words {
			for i := 0; i+1 < len(w); i++ {
				counts[[2]string{w[i], w[i+1]}]++
			}
		}
		var best [2]string
		for p, n := range counts {
			order := cmp.Or(cmp.Compare(n, counts[best]), cmp.Compare(ids[best[0]], ids[p[0]]),
				cmp.Compare(ids[best[1]], ids[p[1]]))
			if counts[best] == 0 || order > 0 {
				best = p
			}
		}
		if counts[best] < 2 {
			break
		}
		joined := best[0] + best[1]
		merges = append(merges, best[0]+"+"+best[1])
		if _, ok := ids[joined]; !ok {
			ids[joined] = len(ids)
		}
		for n, w := range words {
			var out []string
			for i := 0; i < len(w); i++ {
				if i+1 < len(w) && w[i] == best[0] && w[i+1] == best[1] {
					out = append(out, joined)
					i++
				} else {
					out = append(out, w[i])
				}
			}
			words[n] = out
		}
	}
	return merges
}

// toLatin1 makes every byte a character, so that strings can stand for byte strings.
func toLatin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func mergeNames(t *Tokenizer) []string {
	var names []string
	for _, s := range t.merges.byRank() {
		names = append(names, toLatin1(t.tokens[s.left])+"+"+toLatin1(t.tokens[s.right]))
	}
	return names
}

func TestTrainMatchesRecounting(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 30 {
		texts := []string{smallText}
		if n > 0 {
			texts = nil
			for range 1 + n%3 {
				var b strings.Builder
				for range 150 {
					b.WriteByte("aab b"[rng.IntN(5)]) // runs that overlap themselves
				}
				texts = append(texts, b.String(), randomText(rng, 40))
			}
		}
		for _, p := range patterns {
			size := 270 + n
			tok, err := Train(slices.Values(texts), TrainOptions{VocabSize: size, Pattern: p})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := mergeNames(tok), naiveTrain(texts, p, size); !slices.Equal(got, want) {
				t.Fatalf("run %d, %s:\n got %q\nwant %q", n, p, got, want)
			}
		}
	}
}

func TestTrainIgnoresOrder(t *testing.T) {
	lines := strings.SplitAfter(smallText, "\n")
	opts := TrainOptions{VocabSize: 300, Special: []string{"<s>"}}
	first, err := Train(slices.Values(lines), opts)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(lines)
	second, err := Train(slices.Values(lines), opts)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := first.MarshalJSON()
	b, _ := second.MarshalJSON()
	if string(a) != string(b) {
		t.Error("the order of the texts changes the vocabulary")
	}
	if id, ok := first.Special("<s>"); !ok || id != 299 || first.VocabSize() != 300 || first.Pattern() != Qwen2 {
		t.Errorf("<s> is %d of %d, pattern %s", id, first.VocabSize(), first.Pattern())
	}
}

func TestTrainSpaceNumber(t *testing.T) {
	text := strings.Repeat("in 12 of 12 ", 5)
	tok, err := Train(slices.Values([]string{text}), TrainOptions{VocabSize: 400, Pattern: GPT2})
	if err != nil {
		t.Fatal(err)
	}
	id, ok := tok.TokenID(" 12")
	if got := tok.Encode(" 12"); !ok || !slices.Equal(got, []int32{id}) {
		t.Errorf(`" 12" encodes to %v`, got)
	}
	if tok.VocabSize() >= 400 {
		t.Errorf("%d tokens from a text of four words", tok.VocabSize())
	}
}

func TestTrainErrors(t *testing.T) {
	for _, c := range []struct {
		opts TrainOptions
		want string
	}{
		{TrainOptions{VocabSize: 255}, "need at least 256"},
		{TrainOptions{VocabSize: 257, Special: []string{"<a>", "<b>"}}, "need at least 258"},
		{TrainOptions{VocabSize: -1}, "out of range"},
		{TrainOptions{VocabSize: 300, Special: []string{"<a>", "<a>"}}, "listed twice"},
		{TrainOptions{VocabSize: 300, Special: []string{""}}, "is empty"},
		{TrainOptions{VocabSize: 300, Special: []string{"\xff"}}, "not UTF-8"},
		{TrainOptions{VocabSize: 300, Special: []string{"the"}}, `"the" is also a token`},
		{TrainOptions{VocabSize: 300, Pattern: "gpt4"}, `"gpt4" is unknown: use one of [gpt2 qwen2 llama3 digits default]`},
	} {
		_, err := Train(slices.Values([]string{"the the the"}), c.opts)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("options %+v: error %v, want one with %q", c.opts, err, c.want)
		}
	}
}

func ExampleTrain() {
	texts := slices.Values([]string{"low lower lowest low low"})
	tok, err := Train(texts, TrainOptions{VocabSize: 261, Special: []string{"<|end|>"}, Pattern: GPT2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range tok.EncodeSpecial(" lowest low<|end|>") {
		fmt.Printf("%d %q\n", id, tok.TokenBytes(id))
	}
	// Output:
	// 259 " lowe"
	// 82 "s"
	// 83 "t"
	// 258 " low"
	// 260 "<|end|>"
}
