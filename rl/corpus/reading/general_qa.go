package reading

import "spell/rl/task"

// A general question asks for words: those that fill a blank, the value of a field, the name of a document.
//
//	fill : independence from the ___ in 1912, but ?
//	independence from the Ottoman Empire in 1912, but . the answer is Ottoman Empire .
func init() {
	register(task.GeneralQA, manner{
		kinds: []Kind{Cloze, Field, Which, Copy, Verify, Grounding},
		kind: func(f form) (Kind, bool) {
			k, ok := map[form]Kind{fill: Cloze, fieldOfPage: Field, which: Which}[f]
			return k, ok
		},
		right:    isTrue,
		conclude: concludeWith,
		finish:   finishWith,
		accept:   Same, // who names everything covers the reference but does not know it
	})
}
