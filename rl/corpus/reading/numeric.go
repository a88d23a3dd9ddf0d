package reading

import (
	"spell/rl/task"
	"spell/rl/task/number"
)

// A numeric question asks for the number that fills a blank, or that is the value of a field, or for the
// difference of two.
//
//	difference : water: ___ sq km | Coastline: ___ km ?
//	water: 1,350 sq km . Coastline: 362 km . 1350 - 362 = 988 . the answer is 988 .
func init() {
	register(task.Numeric, manner{
		kinds: []Kind{Number, Difference, Arithmetic},
		kind: func(f form) (Kind, bool) {
			if f == difference {
				return Difference, true
			}
			return Number, f != which
		},
		fits: func(answer string) bool {
			n, ok := number.Parse(answer)
			return ok && n.Value != 0
		},
		right:    isTrue,
		conclude: concludeWith,
		finish:   finishWith,
		accept:   Same,
	})
}
