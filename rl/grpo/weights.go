package grpo

// Norm says over what token losses are averaged.
type Norm uint8

const (
	// GlobalTokenMean divides by the tokens of the whole update: every token weighs the same.
	GlobalTokenMean Norm = iota
	// GroupTokenMean divides by the tokens of the sequence's group and averages over groups (Eq.
	// 12): every question weighs the same.
	GroupTokenMean
	// PartTokenMean is GroupTokenMean within each part; the means of the parts are added (Eq. 10 with
	// Eq. 12): every role weighs the same, however many groups and tokens it has.
	PartTokenMean
	// SequenceTokenMean divides by the tokens of the sequence and averages over sequences: every answer
	// weighs the same. It is the mean of GRPO (arXiv 2402.03300) and of GSPO (arXiv 2507.18071, Eq. 5).
	SequenceTokenMean
	// ConstantMean divides by the number of sequences and by a length that they all share, the longest
	// there can be: a token weighs the same in a short and in a long answer, and in every update (Dr.
	// GRPO, arXiv 2503.20783, §3.2).
	ConstantMean
)

// A Sequence is what Weights reads of one.
type Sequence struct {
	Length int     // trained tokens
	Group  int     // its number, over all parts
	Part   int     // its part's
	Most   int     // tokens that it could have had; ConstantMean reads it
	Weight float64 // its own, of its part, say
}

// Weights returns the factor each sequence's token losses are multiplied by: its own weight over the
// normaliser. The sequences are all of the update, so that the result does not depend on how it is later
// cut into micro-batches. Sequences without tokens count in no mean.
func (n Norm) Weights(all []Sequence) []float64 {
	tokens := 0
	ofGroup, inPart, sequences := map[int]int{}, map[int]int{}, 0 // tokens, groups
	for _, s := range all {
		if s.Length == 0 {
			continue
		}
		if ofGroup[s.Group] == 0 {
			inPart[s.Part]++
		}
		ofGroup[s.Group] += s.Length
		tokens += s.Length
		sequences++
	}
	w := make([]float64, len(all))
	for i, s := range all {
		if s.Length == 0 {
			continue
		}
		switch n {
		case GlobalTokenMean:
			w[i] = 1 / float64(tokens)
		case GroupTokenMean:
			w[i] = 1 / (float64(ofGroup[s.Group]) * float64(len(ofGroup)))
		case PartTokenMean:
			w[i] = 1 / (float64(ofGroup[s.Group]) * float64(inPart[s.Part]))
		case SequenceTokenMean:
			w[i] = 1 / (float64(s.Length) * float64(sequences))
		case ConstantMean:
			w[i] = 1 / (float64(s.Most) * float64(sequences))
		}
		w[i] *= s.Weight
	}
	return w
}
