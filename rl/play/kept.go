package play

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"spell/model/rollout"
)

// Kept is what was sampled since it was last emptied, by the keys of the asks. A step that is cut
// short leaves it to the run that goes on: the same asks get the same outputs without sampling.
type Kept struct {
	outputs map[uint64][]keptOutput // sampled in this process or read
	order   []uint64                // keys in the order in which they were kept
}

// A keptOutput is an output as it is written.
type keptOutput struct {
	Tokens   []int32        `json:"tokens"`
	LogProbs []float32      `json:"logprobs"`
	Finish   rollout.Finish `json:"finish"`
}

// A keptLine is an ask, told by its id, and its outputs as they are written.
type keptLine struct {
	ID      uint64       `json:"id"`
	Outputs []keptOutput `json:"outputs"`
}

// Kept returns what the driver has sampled or was given, to be written or emptied.
func (d *Driver) Kept() *Kept { return &d.kept }

// Empty forgets everything.
func (k *Kept) Empty() { *k = Kept{} }

// Len returns the number of asks whose outputs are kept.
func (k *Kept) Len() int { return len(k.order) }

// id mixes an ask's prompt and what is asked of it into the key under which its outputs are kept,
// so that outputs of another prompt are never taken for those of this one.
func (a *Ask) id() uint64 {
	var raw []byte
	for _, run := range a.Prompt {
		for _, id := range run {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(id))
		}
	}
	raw = binary.LittleEndian.AppendUint64(raw, uint64(a.N))
	raw = binary.LittleEndian.AppendUint64(raw, uint64(a.Max))
	return Key(a.Key, 0, string(raw))
}

func (k *Kept) keep(a *Ask, r rollout.Result) {
	list := make([]keptOutput, len(r.Answers))
	for i, o := range r.Answers {
		list[i] = keptOutput{r.Forest[o.Segment].Tokens, o.LogProbs, o.Finish}
	}
	k.put(a.id(), list)
}

func (k *Kept) put(id uint64, list []keptOutput) {
	if k.outputs == nil {
		k.outputs = map[uint64][]keptOutput{}
	}
	if _, have := k.outputs[id]; !have {
		k.order = append(k.order, id)
	}
	k.outputs[id] = list
}

// reply returns the result that an ask had, as the engine would give it.
func (k *Kept) reply(a *Ask) (r rollout.Result, ok bool) {
	if len(k.outputs) == 0 {
		return r, false
	}
	list := k.outputs[a.id()]
	if !a.fits(list) {
		return r, false
	}
	at := r.Forest.Chain(-1, a.Prompt...)
	for _, o := range list {
		s := r.Forest.Add(at, o.Tokens, true)
		r.Forest[s].Temperature = a.Temperature
		r.Answers = append(r.Answers, rollout.Answer{Segment: s, LogProbs: o.LogProbs, Finish: o.Finish})
	}
	return r, true
}

// fits reports whether the outputs can be those of an ask, which a file that was read may have
// wrong.
func (a *Ask) fits(list []keptOutput) bool {
	for _, o := range list {
		if len(o.Tokens) == 0 || len(o.Tokens) > a.Max {
			return false
		}
	}
	return len(list) == a.N || a.StopEarly != nil && 0 < len(list) && len(list) < a.N
}

// Write writes what is kept, a line of JSON per ask.
func (k *Kept) Write(w io.Writer) error {
	out := json.NewEncoder(w)
	for _, id := range k.order {
		if err := out.Encode(keptLine{ID: id, Outputs: k.outputs[id]}); err != nil {
			return err
		}
	}
	return nil
}

// Read adds what Write wrote for a vocabulary of so many tokens, all of it or, on error, nothing. A
// last line that was cut off is left out.
func (k *Kept) Read(r io.Reader, vocab int) error {
	in := bufio.NewReader(r)
	var lines []keptLine
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // nothing, or a torn line
			break
		}
		if err != nil {
			return err
		}
		var l keptLine
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		for _, o := range l.Outputs {
			if err := o.check(vocab); err != nil {
				return err
			}
		}
		lines = append(lines, l)
	}
	for _, l := range lines {
		k.put(l.ID, l.Outputs)
	}
	return nil
}

// check returns an error if no engine with a vocabulary of so many tokens gives such an output.
func (o *keptOutput) check(vocab int) error {
	if len(o.Tokens) != len(o.LogProbs) {
		return fmt.Errorf("an output has %d tokens and %d log-probabilities", len(o.Tokens), len(o.LogProbs))
	}
	for _, id := range o.Tokens {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("an output holds token %d; the vocabulary has %d", id, vocab)
		}
	}
	if o.Finish != rollout.Stop && o.Finish != rollout.Length {
		return fmt.Errorf("an output finished by %q; it must be %q or %q", o.Finish, rollout.Stop, rollout.Length)
	}
	return nil
}
