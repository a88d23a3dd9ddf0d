package corpus

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		name, text string
		limit      int
		want       []string
	}{
		{"short", "  a b  ", 3, []string{"a b"}},
		{"blank", " \n ", 3, nil},
		{"paragraphs", "One two. Three.\n \t\nFour five six.", 20, []string{"One two. Three.", "Four five six."}},
		{"paragraphs shared evenly", "aa\n\nbb\n\ncc\n\ndd", 10, []string{"aa\n\nbb", "cc\n\ndd"}},
		{"a paragraph before a nearer sentence", "a b c.\n\nd e. f g h i.", 15, []string{"a b c.", "d e. f g h i."}},
		{"sentences", "One two (three.) Four five six.", 20, []string{"One two (three.)", "Four five six."}},
		{"a lone heading stays", "H\n\nOne two. Three four.", 16, []string{"H\n\nOne two.", "Three four."}},
		{"lines before words", "a 1 2\nb 3 4\nc 5 6\nd 7 8", 12, []string{"a 1 2\nb 3 4", "c 5 6\nd 7 8"}},
		{"words", "aaa bbb ccc ddd", 8, []string{"aaa bbb", "ccc ddd"}},
		{"exactly the limit", "aaaa bbbb", 4, []string{"aaaa", "bbbb"}},
		{"no bound", "ééééééé", 4, []string{"éééé", "ééé"}},
		{"one by one", "abc", 1, []string{"a", "b", "c"}},
		{"Chinese", "他说：「你好。」我笑了。天黑了。", 9, []string{"他说：「你好。」", "我笑了。天黑了。"}},
		{"long blank", "a" + strings.Repeat(" ", 50) + "b", 8, []string{"a", "b"}},
	} {
		if got := slices.Collect(Cut(c.text, c.limit)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// checkCut checks that the documents hold all of text in order, apart from blank space between
// them.
func checkCut(t *testing.T, text string, limit int) {
	t.Helper()
	rest := text
	for doc := range Cut(text, limit) {
		if n := utf8.RuneCountInString(doc); n == 0 || n > limit || doc != strings.TrimSpace(doc) {
			t.Fatalf("limit %d, text %q: document %q has %d characters", limit, text, doc, n)
		}
		var ok bool
		if rest, ok = strings.CutPrefix(strings.TrimSpace(rest), doc); !ok {
			t.Fatalf("limit %d, text %q: document %q does not follow on the one before", limit, text, doc)
		}
	}
	if strings.TrimSpace(rest) != "" {
		t.Fatalf("limit %d, text %q: %q is in no document", limit, text, rest)
	}
}

func TestCutKeepsEverything(t *testing.T) {
	alphabet := []rune("aaaaaaaabé漢.。!? \n\t\u00a0\")」😀")
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		text := make([]rune, rng.IntN(300))
		few := alphabet[:1+rng.IntN(len(alphabet))]
		for i := range text {
			text[i] = few[rng.IntN(len(few))]
		}
		checkCut(t, string(text), 1+rng.IntN(40))
	}
}

func FuzzCut(f *testing.F) {
	f.Add("One. Two.\n\nThree four", 7)
	f.Add("他说：「你好。」我笑了。", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 1 || !utf8.ValidString(text) {
			t.Skip()
		}
		checkCut(t, text, limit)
	})
}
