package reward

import (
	"math"
	"strings"
	"unicode"

	"spell/rl/role/number"
)

// CoverExactMatch reports whether the reference is part of the prediction, both in lower case, without punctuation and
// articles and with single spaces. One direction only: accepting a prediction that is part of the reference rewards
// fragments (paper, App. F). A reference of which nothing is left matches nothing.
func CoverExactMatch(prediction, reference string) bool {
	r := normalize(reference)
	return r != "" && strings.Contains(normalize(prediction), r)
}

func normalize(s string) string {
	const asciiSymbols = "$+<=>^`|~" // punctuation by C's ispunct, symbols by Unicode
	s = strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) || strings.ContainsRune(asciiSymbols, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	words := strings.Fields(s)
	kept := words[:0]
	for _, w := range words {
		if w != "a" && w != "an" && w != "the" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// tolerance is the relative error a numeric answer may have.
const tolerance = 0.0015

// Numeric is the tolerant check of the paper's code. Percent signs and magnitude words are dropped, and it accepts
//   - |p − r| ≤ 0.15 % of |r|;
//   - magnitudes a factor 100, 10³, 10⁶ or 10⁹ apart within 0.15 %: percent, thousands, millions, billions mixed up;
//   - magnitudes that are equal after rounding up to three decimals.
//
// The last two compare magnitudes, so −5 matches 5, and any two magnitudes up to 0.001 match. NumericStrict does neither.
func Numeric(prediction, reference string) bool {
	p, okP := number.Parse(prediction)
	r, okR := number.Parse(reference)
	if !okP || !okR {
		return false
	}
	if near(p.Value, r.Value) {
		return true
	}
	a, b := math.Abs(p.Value), math.Abs(r.Value)
	for _, factor := range []float64{100, 1e3, 1e6, 1e9} {
		if near(a*factor, b) || near(a, b*factor) {
			return true
		}
	}
	up := math.Ceil(a * 1000)
	return up == math.Ceil(b*1000) && !math.IsInf(up, 0)
}

// NumericStrict accepts |p − r| ≤ 0.15 % of |r|, sign included. Percent signs and magnitude words are applied when both
// sides have one ("1.2 million" is "1200 thousand"); when one side lacks it the question has named the unit, and the
// numbers are compared as written.
func NumericStrict(prediction, reference string) bool {
	p, okP := number.Parse(prediction)
	r, okR := number.Parse(reference)
	if !okP || !okR {
		return false
	}
	if p.Scale != 0 && r.Scale != 0 {
		p.Value *= p.Scale
		r.Value *= r.Scale
	}
	return near(p.Value, r.Value)
}

// near is false for values that overflowed: Inf − Inf is not a number.
func near(p, r float64) bool {
	return !math.IsInf(r, 0) && math.Abs(p-r) <= tolerance*math.Abs(r)
}

// Choice reports the same letter A–D.
func Choice(prediction, reference string) bool {
	return len(prediction) == 1 && strings.Contains("ABCD", prediction) && prediction == reference
}
