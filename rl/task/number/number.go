// Package number reads the number a piece of text names: "$1,234.5",
// "12.5 %", "3/4", "2.5 × 10^6", "EBIT = 1.2 million". It scans; it
// never evaluates. Work is linear in a text of at most MaxLen bytes.
package number

import (
	"math"
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

var scales = map[string]float64{
	"%": 1e-2, "percent": 1e-2, "percents": 1e-2, "percentage": 1e-2, "pct": 1e-2, "‰": 1e-3, "bps": 1e-4,
	"hundred": 1e2,
	"k":       1e3, "thousand": 1e3, "thousands": 1e3,
	"m": 1e6, "mn": 1e6, "mm": 1e6, "million": 1e6, "millions": 1e6,
	"b": 1e9, "bn": 1e9, "billion": 1e9, "billions": 1e9,
	"tn": 1e12, "trillion": 1e12, "trillions": 1e12,
}

// Parse reads a text that names exactly one number. The last side of an
// equation counts ("a = 3 ≈ 3.0" is 3.0); currency signs, units and other
// words around the number are passed over; a second number is a failure.
func Parse(s string) (Number, bool) {
	if len(s) > MaxLen {
		return Number{}, false
	}
	s = plain(s)
	if i := strings.LastIndexAny(s, "=≈"); i >= 0 {
		_, size := utf8.DecodeRuneInString(s[i:])
		s = s[i+size:]
	}
	n, _, end, ok := find(s)
	if !ok || strings.ContainsFunc(s[end:], unicode.IsDigit) {
		return Number{}, false
	}
	return n, true
}

// Find returns the first number in a text together with its sign and
// its percent sign or magnitude word.
func Find(s string) (string, bool) {
	s = plain(s)
	_, start, end, ok := find(s)
	if !ok {
		return "", false
	}
	return s[start:end], true
}

// latex and typographic forms of what scan understands. Longer patterns come before their prefixes.
var plainer = strings.NewReplacer(
	`\dfrac{`, "", `\tfrac{`, "", `\frac{`, "", "}{", "/", // \frac{3}{4} → 3/4}
	`\text{`, " ", `\mathrm{`, " ", `\times`, "×", `\cdot`, "×", `\approx`, "≈",
	`\$`, "$", `\%`, "%", `\,`, "", `\!`, "", "{,}", ",", "^{", "^", "**", "^",
	"−", "-", "–", "-", "\u00a0", " ", "\u202f", " ", "\u2009", " ",
)

func plain(s string) string { return strings.TrimSpace(plainer.Replace(s)) }

// find scans s for its first number; s[start:end] holds sign, number and scale.
func find(s string) (n Number, start, end int, ok bool) {
	digit := strings.IndexFunc(s, func(r rune) bool { return '0' <= r && r <= '9' })
	if digit < 0 {
		return Number{}, 0, 0, false
	}
	start = digit
	if start > 0 && s[start-1] == '.' { // ".5"
		start--
	}
	n.Value, end, ok = scan(s, start)
	if !ok {
		return Number{}, 0, 0, false
	}
	// A minus belongs to the number unless a letter stands before it:
	// "-$5" and "$-5" but not "FY-5".
	before := strings.TrimRightFunc(s[:start], func(r rune) bool { return unicode.Is(unicode.Sc, r) || r == ' ' })
	if rest, minus := strings.CutSuffix(before, "-"); minus {
		if last, _ := utf8.DecodeLastRuneInString(rest); rest == "" || !unicode.IsLetter(last) {
			n.Value = -n.Value
			start = len(rest)
		}
	}
	n.Scale, end = scale(s, end)
	return n, start, end, true
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

// decimal reads digits at i. Commas separate thousands: the last
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

// scale reads the percent sign or magnitude word that follows a number.
func scale(s string, i int) (float64, int) {
	word := skipSpace(s, i)
	for _, sign := range []string{"%", "‰"} {
		if strings.HasPrefix(s[word:], sign) {
			return scales[sign], word + len(sign)
		}
	}
	end := word
	for end < len(s) && (s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z') {
		end++
	}
	if v, ok := scales[strings.ToLower(s[word:end])]; ok {
		return v, end
	}
	return 0, i
}

func skipSpace(s string, i int) int {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
