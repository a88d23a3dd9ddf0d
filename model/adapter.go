package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"spell/kernels"
	"spell/tensor/rng"
)

// A LoRA says what adapters weights get (Hu et al. 2021): beside a frozen matrix W [out, in] stand A
// [rank, in] and B [out, rank], and products are with W + scale·B·A. W itself stays as it is, and so
// does all that has no adapter.
type LoRA struct {
	Rank    int
	Alpha   float64
	RSLoRA  bool     // whether the scale is Alpha/sqrt(Rank), which suits high ranks, and not Alpha/Rank
	Targets []string // names of matrices, as of AdapterTargets
}

// AdapterTargets are the matrices of a block that can have adapters, as PEFT names them.
var AdapterTargets = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// MaxRank is the largest rank of an adapter.
const MaxRank = 1 << 12

// Validate returns an error that names the field if there are no such adapters.
func (l *LoRA) Validate() error {
	switch {
	case l.Rank < 1 || l.Rank > MaxRank:
		return fmt.Errorf("rank is %d; it must lie between 1 and %d", l.Rank, MaxRank)
	case !(l.Alpha > 0 && l.Alpha <= 1e6):
		return fmt.Errorf("alpha is %g; it must lie above 0 and not above 1e6", l.Alpha)
	case len(l.Targets) == 0:
		return fmt.Errorf("targets is empty; name at least one of %s", strings.Join(AdapterTargets, ", "))
	}
	for i, t := range l.Targets {
		if !slices.Contains(AdapterTargets, t) {
			return fmt.Errorf("targets has %q; use %s", t, strings.Join(AdapterTargets, ", "))
		}
		if slices.Contains(l.Targets[:i], t) {
			return fmt.Errorf("targets has %s twice; name each once", t)
		}
	}
	return nil
}

// An Adapter is what is added to one matrix.
type Adapter struct {
	A, B   *Param
	Alpha  float64
	RSLoRA bool
}

// Rank returns the rows of A.
func (a *Adapter) Rank() int { return a.A.Rows }

// Scale returns what B·A is multiplied by.
func (a *Adapter) Scale() float64 {
	if a.RSLoRA {
		return a.Alpha / math.Sqrt(float64(a.Rank()))
	}
	return a.Alpha / float64(a.Rank())
}

// Adaptable reports whether the parameter is a matrix that can have an adapter.
func (s *Shape) Adaptable() bool { return s.Target() != "" }

// Target returns the name of a matrix among AdapterTargets; empty if it can have no adapter.
func (s *Shape) Target() string {
	module, ok := strings.CutSuffix(s.Name, ".weight")
	name := module[strings.LastIndexByte(module, '.')+1:]
	if !ok || s.Experts > 0 || !slices.Contains(AdapterTargets, name) {
		return ""
	}
	return name
}

// Module returns the name of the module that a parameter is the weight of.
func (s *Shape) Module() string { return strings.TrimSuffix(s.Name, ".weight") }

// AdapterShapes lists the parameters of the adapters that l gives a model: A and B of each matrix,
// in the order of Shapes.
func AdapterShapes(c *Config, l *LoRA) []Shape {
	var shapes []Shape
	for _, s := range Shapes(c) {
		if slices.Contains(l.Targets, s.Target()) {
			shapes = append(shapes, s.AdapterShapes(l.Rank)...)
		}
	}
	return shapes
}

// AdapterShapes returns the shapes of A and B of that rank beside a matrix.
func (s *Shape) AdapterShapes(rank int) []Shape {
	return []Shape{
		{Name: s.Module() + ".lora_A.weight", Rows: rank, Cols: s.Cols, Kind: AdapterA},
		{Name: s.Module() + ".lora_B.weight", Rows: s.Rows, Cols: rank, Kind: AdapterB},
	}
}

// Adapt maps the adapters of l beside weights that were mapped for Inference. Their values are zero.
func (w *Weights) Adapt(b kernels.Backend, l LoRA, purpose Purpose) error {
	if err := l.Validate(); err != nil {
		return err
	}
	of := func(module string) (LoRA, bool) {
		return l, slices.Contains(l.Targets, module[strings.LastIndexByte(module, '.')+1:])
	}
	if err := w.AdaptEach(b, of, purpose); err != nil {
		return err
	}
	w.LoRA = &LoRA{Rank: l.Rank, Alpha: l.Alpha, RSLoRA: l.RSLoRA}
	for _, t := range l.Targets { // those that there are: experts have no adapters
		if slices.ContainsFunc(w.Params, func(p *Param) bool { return p.Adapter != nil && p.Target() == t }) {
			w.LoRA.Targets = append(w.LoRA.Targets, t)
		}
	}
	return nil
}

// AdaptEach is Adapt for adapters that differ from matrix to matrix: of returns rank and alpha of a
// module, and whether it has an adapter.
func (w *Weights) AdaptEach(b kernels.Backend, of func(module string) (LoRA, bool), purpose Purpose) error {
	for _, p := range w.Params {
		if l, ok := of(p.Module()); ok && p.Adaptable() {
			s := p.AdapterShapes(l.Rank)
			p.Adapter = &Adapter{A: &Param{Shape: s[0]}, B: &Param{Shape: s[1]}, Alpha: l.Alpha, RSLoRA: l.RSLoRA}
			w.adapters = append(w.adapters, p.Adapter.A, p.Adapter.B)
		}
	}
	if len(w.adapters) == 0 {
		return fmt.Errorf("the model has none of the matrices that are to have adapters")
	}
	err := w.alloc(b, "adapters", w.adapters, func(q *Param) []field { return []field{{&q.W, w.Act}} })
	if err == nil && purpose == Training {
		err = w.allocTraining(b, w.adapters, w.Act)
	}
	return err
}

// Adapters lists the parameters of the adapters, A and B of each matrix that has one, in the order of
// the matrices.
func (w *Weights) Adapters() []*Param { return w.adapters }

// Trainable lists the parameters that are trained: all, or those of the adapters alone, or none.
func (w *Weights) Trainable() []*Param {
	for _, list := range [][]*Param{w.Params, w.adapters} {
		if len(list) > 0 && !list[0].Grad.IsZero() {
			return list
		}
	}
	return nil
}

// Base returns the same weights without adapters: what the model was before they were trained. It
// shares their memory and is not freed.
func (w *Weights) Base() *Weights {
	base := &Weights{Config: w.Config, Precision: w.Precision, Rotary: w.Rotary}
	for _, p := range w.Params {
		base.Params = append(base.Params, &Param{Shape: p.Shape, W: p.W})
	}
	base.wire()
	return base
}

// Reference returns what w was before it was trained, to be compared with: the base of adapters or, of
// weights that are all trained, others of the same types, to be filled by the caller.
func (w *Weights) Reference(b kernels.Backend) (*Weights, error) {
	if len(w.adapters) > 0 {
		return w.Base(), nil
	}
	return NewWeights(b, w.Config, w.Precision, Inference)
}

// largestRank returns the rank of the largest adapter; 0 if there is none.
func (w *Weights) largestRank() int {
	rank := 0
	for i := 0; i < len(w.adapters); i += 2 {
		rank = max(rank, w.adapters[i].Rows)
	}
	return rank
}

// InitializeAdapters fills fresh adapters from the seed, as PEFT does: A is uniform within
// ±1/sqrt(in), Kaiming's bound for an a of sqrt(5), and B zero, so that the model begins as it was.
func (w *Weights) InitializeAdapters(b kernels.Backend, seed uint64) {
	var v []float32
	for i, p := range w.adapters {
		r := rng.At(seed, rng.Adapters, uint64(i), 0, 0)
		bound := 1 / math.Sqrt(float64(p.Cols))
		for from, to := range kernels.RowChunks(p.Rows, p.Cols) {
			n := (to - from) * p.Cols
			v = slices.Grow(v[:0], n)[:n]
			for j := range v {
				if v[j] = 0; p.Kind == AdapterA {
					v[j] = float32(bound * (2*r.Float64() - 1))
				}
			}
			SetRows(b, p, from, v)
		}
	}
}
