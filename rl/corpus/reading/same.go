package reading

import (
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Same reports whether two answers mean the same: they have the same words and numbers in the same order.
// Case, marks, articles and the format of a number do not count (1,000 and one thousand; $1.2 million and
// 1,200,000 dollars; 5 % and five percent; 1st and first); units, signs and every word more or less do. It
// is the truth of what a verifier is asked.
func Same(a, b string) bool {
	a, b = oneSpace(a), oneSpace(b)
	if a == b {
		return a != ""
	}
	a, b = canonical(a), canonical(b)
	return a == b && a != ""
}

// canonical returns the form of a text that all texts that are the same as it share; empty for one
// without words.
func canonical(s string) string {
	t := tokens(norm.NFKC.String(s))
	t = numbers(t)
	var out []string
	for i, w := range t {
		if isCurrency(w) && i+1 < len(t) && isNumeral(t[i+1]) { // after the number, as if spelled
			t[i], t[i+1] = t[i+1], t[i]
		}
		if w = t[i]; w != "a" && w != "an" && w != "the" {
			out = append(out, w)
		}
	}
	if len(out) == 0 {
		out = t
	}
	return strings.Join(out, " ")
}

func isCurrency(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size == len(s) && unicode.Is(unicode.Sc, r)
}

// isNumeral reports whether a token is a number in digits.
func isNumeral(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && '0' <= s[0] && s[0] <= '9' && !strings.ContainsFunc(s, unicode.IsLetter)
}

// respelled are words and signs that are written in several ways.
var respelled = map[string]string{
	"percent": "%", "pct": "%", "dollar": "$", "dollars": "$", "euro": "€", "euros": "€", "&": "and",
	"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th",
	"seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th", "eleventh": "11th", "twelfth": "12th",
}

// tokens returns the lower-case words, numbers and signs of a text. Numbers have no separators; a minus
// belongs to the number behind it if it begins a word.
func tokens(s string) (all []string) {
	add := func(w string) {
		if r, ok := respelled[w]; ok {
			w = r
		}
		if n := len(all); w == "cent" && n > 0 && all[n-1] == "per" {
			all[n-1] = "%"
			return
		}
		all = append(all, w)
	}
	before := ' ' // the character before
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		rest := s[i+size:]
		switch {
		case digit(s, i) || r == '.' && digit(rest, 0) && !unicode.IsDigit(before):
			n, end := numeral(s[i:])
			if suffix := ordinal(s[i+end:]); suffix != "" {
				n, end = n+suffix, end+len(suffix)
			}
			add(n)
			size = end
		case isMinus(r) && !inWord(before) && (digit(rest, 0) || strings.HasPrefix(rest, ".") && digit(rest, 1)):
			n, end := numeral(rest)
			add("-" + n)
			size += end
		case inWord(r):
			w, end := spelled(s[i:])
			add(w)
			size = end
		case strings.ContainsRune("%‰°+&", r) || unicode.Is(unicode.Sc, r):
			add(string(r))
		}
		before, _ = utf8.DecodeLastRuneInString(s[:i+size])
		i += size
	}
	return all
}

func digit(s string, i int) bool { return i < len(s) && '0' <= s[i] && s[i] <= '9' }

// numeral reads the number that s begins with and returns it without separators, leading zeros and zeros
// at the end of its decimals, and where it ends.
func numeral(s string) (n string, end int) {
	for digit(s, end) {
		end++
	}
	if 0 < end && end <= 3 {
		for group(s[end:]) {
			end += len(",000")
		}
	}
	whole := strings.ReplaceAll(s[:end], ",", "")
	decimals := ""
	if strings.HasPrefix(s[end:], ".") && digit(s, end+1) {
		from := end + 1
		for end = from; digit(s, end); end++ {
		}
		decimals = strings.TrimRight(s[from:end], "0")
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if decimals != "" {
		whole += "." + decimals
	}
	return whole, end
}

// group reports whether s begins with a separator and three digits.
func group(s string) bool {
	return strings.HasPrefix(s, ",") && digit(s, 1) && digit(s, 2) && digit(s, 3) && !digit(s, 4)
}

// ordinal returns the letters that make the number before them an ordinal.
func ordinal(s string) string {
	for _, suffix := range []string{"st", "nd", "rd", "th"} {
		if len(s) >= 2 && strings.EqualFold(s[:2], suffix) {
			if r, _ := utf8.DecodeRuneInString(s[2:]); !inWord(r) || len(s) == 2 {
				return suffix
			}
		}
	}
	return ""
}

// spelled reads the word that s begins with, in which apostrophes and the points of an abbreviation may
// stand, and returns it in lower case without these, and where it ends.
func spelled(s string) (w string, end int) {
	var b strings.Builder
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		if !inWord(r) {
			next, _ := utf8.DecodeRuneInString(s[end+size:])
			if r != '\'' && r != '’' && r != '.' || !unicode.IsLetter(next) {
				break
			}
		} else {
			b.WriteString(strings.ToLower(string(r)))
		}
		end += size
	}
	return b.String(), end
}

var (
	small = spoken("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
		"sixteen seventeen eighteen nineteen")
	tens  = spoken("- - twenty thirty forty fifty sixty seventy eighty ninety")
	power = map[string]int64{"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
)

func spoken(list string) map[string]int64 {
	m := map[string]int64{}
	for i, w := range strings.Fields(list) {
		if w != "-" {
			m[w] = int64(i)
		}
	}
	return m
}

// numbers writes the numbers among tokens in digits, with the powers that follow them.
func numbers(t []string) (out []string) {
	for i := 0; i < len(t); {
		n, used := count(t[i:])
		if used == 0 {
			out, i = append(out, t[i]), i+1
			continue
		}
		out, i = append(out, n), i+used
	}
	return out
}

// longestNumeral is the most characters of a number that is calculated with; a longer one is a word.
const longestNumeral = 40

// count reads the number that tokens begin with, and returns it in digits and how many tokens it takes.
func count(t []string) (n string, used int) {
	total, part := new(big.Rat), new(big.Rat)
	if isNumeral(t[0]) && len(t[0]) <= longestNumeral {
		part.SetString(t[0])
		used = 1
	} else {
		var v int64
		if v, used = hundreds(t); used > 0 {
			part.SetInt64(v)
		}
	}
	for used < len(t) {
		p, ok := power[t[used]]
		if !ok {
			break
		}
		if used == 0 {
			part.SetInt64(1) // a million
		}
		total.Add(total, part.Mul(part, new(big.Rat).SetInt64(p)))
		part.SetInt64(0)
		used++
		next := used
		if next < len(t) && t[next] == "and" {
			next++
		}
		if v, more := hundreds(t[next:]); more > 0 {
			part.SetInt64(v)
			used = next + more
		}
	}
	if used == 0 {
		return "", 0
	}
	total.Add(total, part)
	if total.IsInt() {
		return total.Num().String(), used
	}
	return strings.TrimRight(total.FloatString(longestNumeral), "0"), used
}

// hundreds reads a spelled number below a thousand.
func hundreds(t []string) (n int64, used int) {
	n, used = ninetyNine(t)
	if used < len(t) && t[used] == "hundred" && (used == 0 || n < 20) {
		if used == 0 {
			n = 1
		}
		n *= 100
		used++
		next := used
		if next < len(t) && t[next] == "and" {
			next++
		}
		if rest, more := ninetyNine(t[next:]); more > 0 {
			n, used = n+rest, next+more
		}
	}
	return n, used
}

// ninetyNine reads a spelled number below a hundred.
func ninetyNine(t []string) (n int64, used int) {
	if len(t) == 0 {
		return 0, 0
	}
	if v, ok := small[t[0]]; ok {
		return v, 1
	}
	v, ok := tens[t[0]]
	if !ok {
		return 0, 0
	}
	n = 10 * v
	if len(t) > 1 {
		if unit, ok := small[t[1]]; ok && 0 < unit && unit < 10 {
			return n + unit, 2
		}
	}
	return n, 1
}
