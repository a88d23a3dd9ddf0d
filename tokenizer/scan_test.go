package tokenizer

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// trickyRunes are the characters on which the patterns differ, and neighbours of theirs.
var trickyRunes = []rune("abSsTtRrEeVvMmLlDdſKéß'''’ \t\n\r\v\f\u0085\u00a0\u2028\u3000" +
	"12٣４ⅷ²½.,!-_$€\u0301\u0327\u200b\u200d漢字かदाख़🤗👩\x00\x7f\ufffd")

func randomText(rng *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteRune(trickyRunes[rng.IntN(len(trickyRunes))])
	}
	return b.String()
}

// expression returns a pattern for package regexp, which has no lookahead: a run of white
// space is matched whole, and is the only group.
func expression(p Pattern) *regexp.Regexp {
	const space = `[\t-\r \x{85}\p{Z}]`
	const other = `[^\t-\r \x{85}\p{Z}\p{L}\p{N}]`
	const modern = `^(?:(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|NUMBER| ?` + other + `+[\r\n]*|` +
		space + `*[\r\n]+|(` + space + `+))`
	switch p {
	case GPT2:
		return regexp.MustCompile(`^(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?` + other + `+|(` + space + `+))`)
	case Llama3:
		return regexp.MustCompile(strings.Replace(modern, "NUMBER", `\p{N}{1,3}`, 1))
	}
	return regexp.MustCompile(strings.Replace(modern, "NUMBER", `\p{N}`, 1))
}

var anyNumber = regexp.MustCompile(`\p{N}`)

var regexps = map[Pattern]*regexp.Regexp{GPT2: expression(GPT2), Qwen2: expression(Qwen2), Llama3: expression(Llama3)}

var (
	breakers   = regexp.MustCompile(`[\p{P}\$\+<=>\^~\|]+`)
	anyNumbers = regexp.MustCompile(`\p{N}+`)
	threes     = regexp.MustCompile(`[0-9][0-9][0-9]`)
)

// isolated cuts every piece before and after what re finds in it.
func isolated(re *regexp.Regexp, pieces []string) (out []string) {
	for _, text := range pieces {
		done := 0
		for _, at := range re.FindAllStringIndex(text, -1) {
			if done < at[0] {
				out = append(out, text[done:at[0]])
			}
			out = append(out, text[at[0]:at[1]])
			done = at[1]
		}
		if done < len(text) {
			out = append(out, text[done:])
		}
	}
	return out
}

// oracle cuts text with package regexp: of white space before other text, the last
// character is given back, as \s+(?!\S)|\s+ does.
func oracle(p Pattern, text string) []string {
	var pieces []string
	if p == Digits {
		for i, part := range anyNumber.Split(text, -1) {
			if i > 0 {
				n := anyNumber.FindString(text)
				pieces = append(pieces, n)
				text = text[len(n):]
			}
			pieces = append(pieces, oracle(GPT2, part)...)
			text = text[len(part):]
		}
		return pieces
	}
	if p == Default {
		for _, part := range isolated(breakers, []string{text}) {
			pieces = append(pieces, oracle(GPT2, part)...)
		}
		return isolated(threes, isolated(anyNumbers, pieces))
	}
	for text != "" {
		at := regexps[p].FindStringSubmatchIndex(text)
		end := at[1]
		if at[2] >= 0 && end < len(text) {
			if _, width := utf8.DecodeLastRuneInString(text[:end]); width < end {
				end -= width
			}
		}
		pieces = append(pieces, text[:end])
		text = text[end:]
	}
	return pieces
}

func pieces(p Pattern, text string) []string {
	var list []string
	for text != "" {
		n := p.next(text)
		list = append(list, text[:n])
		text = text[n:]
	}
	return list
}

func TestScannersMatchRegexp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	texts := []string{"don't we'LL I'Ve it'ſo 'ſ", " 12 345 6789", "a\n\n b \n", "\r\n \t x", "  ", "x  ", "' 's"}
	for range 4000 {
		texts = append(texts, randomText(rng, 1+rng.IntN(12)))
	}
	for _, p := range patterns {
		for _, text := range texts {
			if got, want := pieces(p, text), oracle(p, text); !slices.Equal(got, want) {
				t.Fatalf("%s: %q\n got %q\nwant %q", p, text, got, want)
			}
		}
	}
}

func TestDigits(t *testing.T) {
	for p, want := range map[Pattern][]string{
		GPT2:    {"in", " 12345６７"},
		Qwen2:   {"in", " ", "1", "2", "3", "4", "5", "６", "７"},
		Llama3:  {"in", " ", "123", "45６", "７"},
		Digits:  {"in", " ", "1", "2", "3", "4", "5", "６", "７"},
		Default: {"in", " ", "123", "45６７"},
	} {
		if got := pieces(p, "in 12345６７"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

// Bytes that are not UTF-8 are pieces like punctuation, and none is lost.
func TestScanInvalidUTF8(t *testing.T) {
	for _, p := range []Pattern{GPT2, Qwen2, Llama3} {
		want := []string{"a", " \xff\xe4\xb8", "b", "\x80"}
		if got := pieces(p, "a \xff\xe4\xb8b\x80"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}
