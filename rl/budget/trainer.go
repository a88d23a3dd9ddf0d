package budget

import (
	"context"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/model/train"
)

// Program is an estimate of what a run holds outside of arenas: the program itself, a tokenizer of so
// many tokens, and texts of so many bytes. Parameters pass between files and arenas in small pieces.
// Go's collector lets the heap grow to twice of what is used; the parts were measured so.
func Program(vocab int, texts int64) model.MemoryItem {
	const (
		runtime  = 24 << 20 // stacks, prompts and requests under way; code is the file's
		perToken = 448      // of a tokenizer: its text, id and merge, and the file while it is read
		perByte  = 6        // of texts: as read, cut into documents, in clusters and encoded
	)
	return model.MemoryItem{Name: "program, tokenizer and documents",
		GrowsWith: "vocabulary and documents; an estimate",
		Bytes:     runtime + vocab*perToken + int(min(texts, 1<<40))*perByte}
}

// Held returns what a command holds that does on b what was done on a backend without memory: the arenas
// that it mapped there, the program, and what b takes beside for the products with w and for operands of
// those sizes.
func Held(b kernels.Backend, dry *tally.Backend, w *model.Weights, s kernels.Sizes) Memory {
	p := &Plan{}
	p.Add("command", Loading, true, model.MemoryItem{Name: "arenas", Bytes: dry.Bytes()})
	if host, ok := b.(kernels.HostMemory); ok {
		packs, scratch := w.HostMemory(host, dry.Weights())
		p.Add("kernels", Generating, false, packs, scratch)
	}
	p.AddDevice(b, s)
	p.AddProgram(w.Vocab, 0, 0)
	return p.Needs()
}

// A Training is a recipe that trains and, if it has tests, generates, but does not sample what it
// learns from.
type Training struct {
	Model      model.Config
	Precision  model.Precision
	LoRA       *model.LoRA // adapters that are trained; nil: all weights are
	Optim      train.Optim
	Limits     forest.Limits
	Activation model.Activations
	Tests      []rollout.Options // of engines that stand beside the trainer
	Texts      int64             // bytes of the data
}

// Plan returns the memory that the recipe takes on b.
func (t Training) Plan(b kernels.Backend) (*Plan, error) {
	dry, w, trainer, err := t.dry(tally.Rates{})
	if err != nil {
		return nil, err
	}
	p, sizes := &Plan{}, []kernels.Sizes{trainer.Decoder.Sizes()}
	p.AddModel(w)
	p.Add("updating", Updating, true, trainer.Decoder.Memory()...)
	for _, test := range t.Tests {
		e, err := rollout.New(dry, w, test)
		if err != nil {
			return nil, err
		}
		p.Add("testing", Generating, true, e.Memory()...)
		sizes = append(sizes, e.Sizes())
	}
	if host, ok := b.(kernels.HostMemory); ok {
		// What products read, a short step shows; generating reads no other weights.
		if err := accumulate(trainer, forest.Forest{{Parent: -1, Tokens: make([]int32, 2), Scored: true}}); err != nil {
			return nil, err
		}
		packs, scratch := w.HostMemory(host, dry.Weights())
		p.Add("kernels", Generating, false, packs, scratch)
	}
	p.AddDevice(b, sizes...)
	p.AddProgram(t.Model.Vocab, t.Texts, 0)
	return p, nil
}

// dry maps the recipe on a backend without memory.
func (t Training) dry(r tally.Rates) (*tally.Backend, *model.Weights, *train.Trainer, error) {
	b := tally.New(r)
	w, err := model.NewLearner(b, t.Model, t.Precision, t.LoRA)
	if err != nil {
		return nil, nil, nil, err
	}
	trainer, err := train.New(b, w, t.Optim, t.Limits, t.Activation)
	return b, w, trainer, err
}

// Step returns the phases of an update that learns from so many sequences of length tokens each.
func (t Training) Step(r tally.Rates, sequences, length int) ([]Phase, error) {
	b, _, trainer, err := t.dry(r)
	if err != nil {
		return nil, err
	}
	together := max(1, min(sequences, t.Limits.Batch/length))
	var pass forest.Forest
	for range together {
		pass.Add(-1, make([]int32, length), true)
	}
	before := b.Work
	if err := accumulate(trainer, pass); err != nil {
		return nil, err
	}
	learned := b.Work.Add(before, -1)
	before = b.Work
	if _, err := trainer.Update(1); err != nil {
		return nil, err
	}
	scaled := tally.Work{}.Add(learned, float64(sequences)/float64(together))
	return []Phase{{"gradients", sequences * length, scaled}, {"optimizer", 0, b.Work.Add(before, -1)}}, nil
}

func accumulate(t *train.Trainer, f forest.Forest) error {
	nothing := func([]forest.ScoredToken, []model.Stat, []float32, []float32) {}
	_, err := t.Accumulate(context.Background(), f, nothing)
	return err
}

// ShapeOf returns what to measure a machine's rates by for a model: its products, over passes of so many
// tokens, and its attention.
func ShapeOf(m *model.Config, p *model.Precision, passTokens int) tally.Shape {
	return tally.Shape{Rows: min(512, passTokens), In: min(m.Hidden, 1024), Out: min(m.FF, 4096),
		Weight: p.Weight, Act: p.Act, Acc: p.Acc, Heads: m.Heads, KVHeads: m.KVHeads, Dim: m.HeadDim}
}

// Room is the settings of a recipe that bound the memory of training.
type Room struct {
	PassTokens *int
	Recompute  *bool
	Offload    *bool
	Moments    *model.Moments
}

// TrainingKnobs are those of settings on b that have a Room, with passes from least tokens to most.
func TrainingKnobs[C any](b kernels.Backend, least, most int, of func(*C) Room) Knobs[C] {
	return Knobs[C]{
		Room:     []Size[C]{{Least: least, Most: most - 1, Set: func(c *C, n int) { *of(c).PassTokens = n }}},
		Switches: TrainingSwitches(b, of),
	}
}

// TrainingSwitches are those among TrainingKnobs.
func TrainingSwitches[C any](b kernels.Backend, of func(*C) Room) (list [][]func(*C)) {
	moments := func(m model.Moments) func(*C) {
		return func(c *C) {
			at := of(c).Moments
			*at = max(*at, m)
		}
	}
	list = append(list, []func(*C){func(c *C) { *of(c).Recompute = true }})
	if OnDevice(b) {
		list = append(list, []func(*C){func(c *C) { *of(c).Offload = true }})
	}
	return append(list, []func(*C){moments(model.BF16Moments), moments(model.Int8Moments)})
}
