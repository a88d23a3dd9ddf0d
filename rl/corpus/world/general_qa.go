package world

import "spell/rl/task"

// A general question asks for a name or a word over one to three hops:
//
//	what is the mayor of the home of Tolan ?
//	home Tolan Norvale . mayor Norvale Kestor . the answer is Kestor .
func init() {
	register(task.GeneralQA, form{
		kinds:    map[Kind]shape{OneHop: {hops: 1}, TwoHop: {hops: 2}, ThreeHop: {hops: 3}},
		training: []Kind{Digest, Verify, Grounding},
		read:     parseQuery,
		right:    isTrue,
		conclude: concludeWith,
		finish:   finishWith,
		accept:   Same, // who names everything covers the reference but does not know it
	})
}
