// Package number reads the number a piece of text names: "$1,234.5",
// "12.5 %", "3/4", "2.5 × 10^6", "EBIT = 1.2 million". It scans; it
// never evaluates. Work is linear in a text of at most MaxLen bytes.
package number

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLen is the longest text, in bytes, that Parse takes for a number.
const MaxLen = 256

// Number is a number as it was written.
type Number struct {
	Value float64 // without its percent sign or magnitude word: 12.5 for "12.5 %", 1.2 for "1.2 million"; finite
	Scale float64 // what that sign or word multiplies by: 0.01 for "%", 1e6 for "million"; 0 when there is none
}

// Scaled returns the number with its percent sign or magnitude word applied.
func (n Number) Scaled() float64 {
	if n.Scale == 0 {
		return n.Value
	}
	return n.Value * n.Scale
}

var scales = map[string]float64{
	"%": 1e-2, "percent": 1e-2, "percents": 1e-2, "percentage": 1e-2, "pct": 1e-2, "‰": 1e-3, "bps": 1e-4,
	"hundred": 1e2,
	"k":       1e3, "thousand": 1e3, "thousands": 1e3,
	"m": 1e6, "mn": 1e6, "mm": 1e6, "million": 1e6, "millions": 1e6,
	"b": 1e9, "bn": 1e9, "billion": 1e9, "billions": 1e9,
	"tn": 1e12, "trillion": 1e12, "trillions": 1e12,
}

// units are those of scales that are units of length and size in small letters, unless money is counted.
var units = map[string]bool{"m": true, "mm": true, "b": true}

// words are the numbers that are read when they are spelt out.
var words = map[string]float64{
	"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
	"ten": 10, "eleven": 11, "twelve": 12,
}

// Parse reads a text that names exactly one number. The last side of an
// equation counts ("a = 3 ≈ 3.0" is 3.0); currency signs, units and other
// words around the number are passed over, and so are digits that belong to
// a word ("Q4") and a remark in parentheses behind the number ("4.5 (2019)").
// Any other second number is a failure. A number up to twelve may be a word.
func Parse(s string) (Number, bool) {
	n, _, ok := read(s)
	return n, ok
}

// Written returns the number that Parse reads as it is written: with its sign and its percent sign or
// magnitude word, but without separators of thousands and what else is around it.
func Written(s string) (string, bool) {
	_, text, ok := read(s)
	return text, ok
}

func read(s string) (n Number, text string, ok bool) {
	if len(s) > MaxLen {
		return Number{}, "", false
	}
	s = plain(s)
	if i := strings.LastIndexAny(s, "=≈"); i >= 0 {
		_, size := utf8.DecodeRuneInString(s[i:])
		s = s[i+size:]
	}
	if word := strings.ToLower(strings.Trim(s, " .()")); !strings.ContainsFunc(s, unicode.IsDigit) {
		if v, ok := words[word]; ok {
			return Number{Value: v}, word, true
		}
		return Number{}, "", false
	}
	n, text, end, ok := find(s)
	if !ok || second(s, end) && second(withoutRemark(s, end), end) {
		return Number{}, "", false
	}
	return n, text, true
}

// Lead reads the number that a text begins with, as Written returns it: at most a currency or a word such as "about"
// may stand before it. It fails if the number goes on in a way that Parse does not read as one, as in "5 to 6"
// or "2^10", or in a calculation.
func Lead(s string) (string, bool) {
	s = plain(strings.ToValidUTF8(s[:min(len(s), MaxLen)], ""))
	at := digits(s)
	if at < 0 {
		return "", false
	}
	for word := range strings.FieldsFuncSeq(s[:at], func(r rune) bool { return !unicode.IsLetter(r) }) {
		if !leading[strings.ToLower(word)] {
			return "", false
		}
	}
	_, text, end, ok := find(s)
	if !ok || goesOn.MatchString(s[end:]) {
		return "", false
	}
	return text, true
}

// leading are the words that may stand before a number that a text begins with.
var leading = map[string]bool{
	"about": true, "approximately": true, "around": true, "roughly": true, "nearly": true, "exactly": true,
	"minus": true, "negative": true, "us": true, "hk": true, "usd": true, "eur": true, "gbp": true, "cny": true,
	"rmb": true, "rs": true,
}

// goesOn matches what makes of a number and what follows it something else.
var goesOn = regexp.MustCompile(`^(?i:\s*[-;^/:+*×xX]\s*|\s*,\s?|\s+|\.|\s+(?:to|or|and)\s+)\$?[0-9]`)

// HasAny reports whether there is a digit in a text that belongs to no word.
func HasAny(s string) bool { return digits(s) >= 0 }

// latex and typographic forms of what scan understands. Longer patterns come before their prefixes.
var plainer = strings.NewReplacer(
	`\dfrac{`, "", `\tfrac{`, "", `\frac{`, "", "}{", "/", // \frac{3}{4} → 3/4}
	`\textbf{`, " ", `\text{`, " ", `\mathrm{`, " ", `\mathbf{`, " ", `\times`, "×", `\cdot`, "×", `\approx`, "≈",
	`\$`, "$", `\%`, "%", `\,`, "", `\!`, "", `\;`, "", `\ `, " ", "{,}", ",", "^{", "^", "**", "^",
	"−", "-", "‐", "-", "\u2011", "-", "‒", "-",
	"\u00a0", " ", "\u202f", " ", "\u2009", " ", "\u200b", "", "\u3000", " ",
)

// plain writes a text in the characters that scan understands. A dash is a minus if a number follows it,
// else a mark that parts.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if '！' <= r && r <= '～' { // full-width forms
			return r - '！' + '!'
		}
		return r
	}, s)
	s = plainer.Replace(s)
	if strings.ContainsAny(s, "–—―") {
		s = dashes.ReplaceAllString(s, "-$1")
		s = strings.NewReplacer("–", ";", "—", ";", "―", ";").Replace(s)
	}
	return strings.TrimSpace(s)
}

var dashes = regexp.MustCompile(`[–—―](\p{Sc}?\.?[0-9])`)

// digits returns the place of the first digit that belongs to no word, or −1. Letters before digits make a
// word of them, but for the three of a currency.
func digits(s string) int {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		if letters := lettersBefore(s, i); letters == "" || len(letters) == 3 && strings.ToUpper(letters) == letters {
			return i
		}
		for i+1 < len(s) && isDigit(s[i+1]) {
			i++
		}
	}
	return -1
}

// lettersBefore returns the letters that end at a place.
func lettersBefore(s string, i int) string {
	return s[len(strings.TrimRightFunc(s[:i], unicode.IsLetter)):i]
}

// second reports whether there is another number behind one that ends at a place.
func second(s string, end int) bool {
	for i := end; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if i += size; !unicode.IsDigit(r) {
			continue
		}
		if letters := lettersBefore(s, i-size); letters == "" || i-size-len(letters) <= end {
			return true
		}
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
	return false
}

// withoutRemark returns s without the parentheses that follow what ends at a place, if they end s.
func withoutRemark(s string, end int) string {
	open := strings.IndexByte(s[end:], '(')
	if open < 0 || !strings.HasSuffix(strings.TrimRight(s, " ."), ")") || strings.Count(s[end:], "(") > 1 {
		return s
	}
	return s[:end+open]
}

// find scans s for its first number and returns it as it is written, too, and where it ends with its scale.
func find(s string) (n Number, text string, end int, ok bool) {
	first := digits(s)
	if first < 0 {
		return Number{}, "", 0, false
	}
	start := first
	if start > 0 && s[start-1] == '.' { // ".5"
		start--
	}
	var number int // end of the number without its scale
	n.Value, number, ok = scan(s, start)
	if !ok {
		return Number{}, "", 0, false
	}
	before := strings.TrimRightFunc(s[:start], currencyOrSpace)
	money := strings.ContainsFunc(s[len(before):start], func(r rune) bool { return unicode.Is(unicode.Sc, r) })
	n.Scale, end = scale(s, number, money)
	if toOne.MatchString(s[number:]) {
		end = number + len(":1")
	}
	text = withoutGroups(s[start:number]) + s[number:end]
	from, negative := minus(s, before, start)
	if inner, opened := strings.CutSuffix(before, "("); opened && strings.HasPrefix(s[skipSpace(s, end):], ")") {
		// Bookkeepers write −1,234 as (1,234), and nobody writes (5) for −5.
		from, negative = minus(s, strings.TrimRightFunc(inner, currencyOrSpace), len(inner))
		if !negative && (money || strings.Contains(s[start:number], ",")) {
			return Number{-n.Value, n.Scale}, "-" + text, end, true
		}
	}
	if negative {
		n.Value = -n.Value
		if between := strings.TrimSpace(strings.ReplaceAll(s[from:start], "(", "")); strings.HasPrefix(between, "-") {
			return n, between + text, end, true
		}
		return n, "-" + text, end, true
	}
	return n, text, end, true
}

// toOne matches what makes a number a ratio to one.
var toOne = regexp.MustCompile(`^:1(?:[^0-9.]|$)`)

func currencyOrSpace(r rune) bool { return unicode.Is(unicode.Sc, r) || r == ' ' }

// minus reports whether a minus, or the word, ends before, which is s up to start without the currency and
// space at its end, and belongs to what begins at start; and where it is. One with a space behind is the sign of
// nothing but a number that begins the text, and one behind a letter is a hyphen.
func minus(s, before string, start int) (at int, negative bool) {
	rest, sign := strings.CutSuffix(before, "-")
	if !sign {
		word := strings.ToLower(lettersBefore(before, len(before)))
		return len(before) - len(word), word == "minus" || word == "negative"
	}
	last, _ := utf8.DecodeLastRuneInString(rest)
	spaced := strings.HasPrefix(s[len(before):start], " ")
	if strings.Trim(rest, " ($") == "" || !spaced && !unicode.IsLetter(last) {
		return len(rest), true
	}
	return 0, false
}

// withoutGroups removes the separators of thousands.
func withoutGroups(s string) string {
	var b strings.Builder
	for i := range len(s) {
		inside := i > 0 && i+1 < len(s) && isDigit(s[i-1]) && isDigit(s[i+1])
		if !(inside && (s[i] == ',' || s[i] == ' ')) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// scan reads an unsigned number at i: digits with separators and a point, then e±k, × 10^k or /
// digits. "10^k" alone is a power, not the number ten.
func scan(s string, i int) (v float64, end int, ok bool) {
	v, end, ok = decimal(s, i)
	if !ok {
		return 0, 0, false
	}
	if s[i:end] == "10" {
		if k, e, power := exponent(s, end, "^"); power {
			return finite(math.Pow10(k), e)
		}
	}
	if k, e, scientific := exponent(s, end, "e", "E"); scientific {
		v, end = v*math.Pow10(k), e
	}
	rest := skipSpace(s, end)
	for _, times := range []string{"×", "*", "x", "X"} {
		if !strings.HasPrefix(s[rest:], times) {
			continue
		}
		ten := skipSpace(s, rest+len(times))
		if !strings.HasPrefix(s[ten:], "10") {
			break
		}
		if k, e, power := exponent(s, ten+len("10"), "^"); power {
			return finite(v*math.Pow10(k), e)
		}
	}
	if strings.HasPrefix(s[rest:], "/") {
		if d, e, fraction := decimal(s, skipSpace(s, rest+1)); fraction {
			return finite(v/d, e)
		}
	}
	return finite(v, end)
}

func finite(v float64, end int) (float64, int, bool) {
	return v, end, !math.IsInf(v, 0) && !math.IsNaN(v)
}

// decimal reads digits at i. Commas or single spaces separate thousands: the last
// group before the point has three digits.
func decimal(s string, i int) (v float64, end int, ok bool) {
	end = i
	var digits strings.Builder
	group, grouped, point := 0, false, false
scan:
	for ; end < len(s); end++ {
		switch c := s[end]; {
		case isDigit(c):
			digits.WriteByte(c)
			group++
		case c == ' ' && !point && 0 < group && group <= 3 && (!grouped || group == 3) && threeDigits(s[end+1:]):
			group, grouped = 0, true
		case c == ',' && !point && group > 0 && end+1 < len(s) && isDigit(s[end+1]):
			if grouped && group != 2 && group != 3 { // 12,34,567 is how lakhs are written
				return 0, 0, false
			}
			group, grouped = 0, true
		case c == '.' && !point && end+1 < len(s) && isDigit(s[end+1]):
			if grouped && group != 3 {
				return 0, 0, false
			}
			digits.WriteByte('.')
			point = true
		default:
			break scan
		}
	}
	if grouped && !point && group != 3 {
		return 0, 0, false
	}
	v, err := strconv.ParseFloat(digits.String(), 64)
	return v, end, err == nil
}

// threeDigits reports whether s begins with three digits and no fourth.
func threeDigits(s string) bool {
	return len(s) >= 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) && (len(s) == 3 || !isDigit(s[3]))
}

// exponent reads one of the marks and a signed power of ten of at most three digits at i.
func exponent(s string, i int, marks ...string) (k, end int, ok bool) {
	for _, mark := range marks {
		if !strings.HasPrefix(s[i:], mark) {
			continue
		}
		i += len(mark)
		end = i
		if end < len(s) && (s[end] == '-' || s[end] == '+') {
			end++
		}
		for first := end; end < len(s) && isDigit(s[end]); end++ {
			if end-first == 3 {
				return 0, 0, false
			}
		}
		k, err := strconv.Atoi(s[i:end])
		return k, end, err == nil
	}
	return 0, 0, false
}

// scale reads the percent sign or magnitude word that follows a number, which counts money or not.
func scale(s string, i int, money bool) (float64, int) {
	word := skipSpace(s, i)
	for _, sign := range []string{"%", "‰"} {
		if strings.HasPrefix(s[word:], sign) {
			return scales[sign], word + len(sign)
		}
	}
	end := letters(s, word)
	if strings.EqualFold(s[word:end], "basis") {
		next := skipSpace(s, end)
		if w := strings.ToLower(s[next:letters(s, next)]); w == "point" || w == "points" {
			return scales["bps"], next + len(w)
		}
	}
	if v, ok := scales[strings.ToLower(s[word:end])]; ok && (money || !units[s[word:end]]) {
		return v, end
	}
	return 0, i
}

// letters returns where the letters that begin at i end.
func letters(s string, i int) int {
	for i < len(s) && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z') {
		i++
	}
	return i
}

func skipSpace(s string, i int) int {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
