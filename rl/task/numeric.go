package task

import (
	"math"
	"strings"

	"spell/rl/task/number"
)

// Numeric asks for one number that is not zero. A question and its reference answer, as a
// questioner writes them:
//
//	```json
//	{"question": "By how many percent did sales grow from 2019 to 2021?", "answer": 12.5}
//	```
//
// and a responder's reply, which the rule finds right:
//
//	Sales went from 8 to 9 million, and 9 / 8 = 1.125. Therefore, the answer is (12.5 %).
//
// The rule allows an error of 0.15 %, and by default a confusion of percent, thousands, millions or
// of the sign.
const Numeric Task = 1

const (
	// mathSentinel is the number the paper's code uses for "none".
	mathSentinel = 999999999
	// tolerance is the relative error a numeric answer may have.
	tolerance = 0.0015
)

func init() {
	register(Numeric, spec{
		name:      "numeric",
		responder: "responder_numeric",
		suits:     number.HasAny,
		fromJSON: func(f fields, q *Question) bool {
			answer, ok := f.textOrNumber("answer")
			if stated, is := numericAnswer(answer); is && states(answer) {
				answer = stated
			}
			q.Answer = strings.TrimRight(strings.TrimSpace(answer), " .") // a leading dot belongs to ".5"
			return ok
		},
		fromWords: answerToStop,
		check: func(q Question, _ func(string) int) Verdict {
			if n, ok := number.Parse(q.Answer); !ok || n.Value == 0 || n.Value == mathSentinel {
				return Skip
			}
			return OK
		},
		answer:          numericAnswer,
		answerFromWords: wordsToStop,
		match: func(r Rules, prediction, reference string) bool {
			if r.Strict {
				return equalStrict(prediction, reference)
			}
			return equalTolerant(prediction, reference)
		},
	})
}

// numericAnswer returns the number that a reply closes with: what is in the last box, or in the brackets of the last
// "the answer is"; else the number right behind that, or the only one in its line. Of several numbers none is the
// answer.
func numericAnswer(text string) (string, bool) {
	return closingAnswer(text, true, func(s statement) (string, bool) {
		if s.inside != "" {
			answer, ok := number.Written(s.inside)
			return answer, !ok && number.HasAny(s.inside)
		}
		line := firstLine(s.tail)
		if answer, ok := number.Lead(line); ok {
			return answer, false
		}
		sentence, _, _ := strings.Cut(line, ". ")
		for _, part := range []string{line, sentence} {
			if answer, ok := number.Written(part); ok {
				return answer, false
			}
		}
		return "", number.HasAny(line)
	})
}

// equalTolerant is the tolerant check of the paper's code. Percent signs and magnitude words are
// dropped, and it accepts
//   - |p − r| ≤ 0.15 % of |r|;
//   - magnitudes a factor 100, 10³, 10⁶ or 10⁹ apart within 0.15 %: percent, thousands, millions
//     and billions mixed up;
//   - numbers that are so with their percent signs and magnitude words: 1.2 trillion and 1.2e12;
//   - magnitudes that are equal after rounding up to three decimals.
//
// The second and the last compare magnitudes, so −5 matches 5, and any two magnitudes up to 0.001 match.
// equalStrict does neither.
func equalTolerant(prediction, reference string) bool {
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
	if near(p.Scaled(), r.Scaled()) {
		return true
	}
	up := math.Ceil(a * 1000)
	return up == math.Ceil(b*1000) && !math.IsInf(up, 0)
}

// equalStrict accepts |p − r| ≤ 0.15 % of |r|, sign included. Percent signs and magnitude words are
// applied if both sides have one ("1.2 million" is "1200 thousand"); if one side lacks it the
// question has named the unit, and the numbers are compared as written.
func equalStrict(prediction, reference string) bool {
	p, okP := number.Parse(prediction)
	r, okR := number.Parse(reference)
	if !okP || !okR {
		return false
	}
	if p.Scale != 0 && r.Scale != 0 {
		p.Value, r.Value = p.Scaled(), r.Scaled()
	}
	return near(p.Value, r.Value)
}

// near is false for values that overflowed: Inf − Inf is not a number.
func near(p, r float64) bool {
	return !math.IsInf(r, 0) && math.Abs(p-r) <= tolerance*math.Abs(r)
}
