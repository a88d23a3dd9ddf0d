package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"spell/kernels"
	"spell/model"
	"spell/model/open"
	"spell/model/peft"
	"spell/tokenizer/chat"
)

// Adapters are the settings of a method that can train adapters of a model instead of its weights. A
// configuration embeds them.
type Adapters struct {
	LoRA LoRA `json:"lora" group:"adapters"`
}

// LoRA says which adapters are trained.
type LoRA struct {
	Rank    int      `json:"rank" min:"0" max:"4096" aka:"r lora_r lora_rank" doc:"train adapters of that rank beside the weights (LoRA), which stay as they are; 0: train the weights"`
	Alpha   float64  `json:"alpha" min:"0" max:"1e6" aka:"lora_alpha" doc:"adapters count alpha/rank times; 0: alpha is twice the rank"`
	RSLoRA  bool     `json:"rslora" aka:"use_rslora" doc:"adapters count alpha over the root of the rank, which suits high ranks"`
	Targets []string `json:"targets" aka:"target_modules" oneof:"q_proj k_proj v_proj o_proj gate_proj up_proj down_proj" doc:"matrices that get adapters"`
	Base    string   `json:"base" doc:"how the weights beside adapters are kept: f32, bf16 or int8, which takes a quarter of f32; same: as --precision says"`
}

// DefaultAdapters are none, and those of all matrices once a rank is set.
func DefaultAdapters() Adapters {
	return Adapters{LoRA{Targets: slices.Clone(model.AdapterTargets), Base: "same"}}
}

// Adapting is a method that may train adapters.
type Adapting interface {
	// Adapters returns the settings, with rank 0 if all weights are trained.
	Adapters() *LoRA
}

// adaptersOf returns what a method trains: nil are all weights.
func adaptersOf(m Method) *model.LoRA {
	if a, ok := m.(Adapting); ok {
		return a.Adapters().Spec()
	}
	return nil
}

// Spec returns the adapters that are trained; nil if all weights are.
func (l *LoRA) Spec() *model.LoRA {
	if l.Rank == 0 {
		return nil
	}
	spec := &model.LoRA{Rank: l.Rank, Alpha: l.Alpha, RSLoRA: l.RSLoRA, Targets: l.Targets}
	if spec.Alpha == 0 {
		spec.Alpha = float64(2 * l.Rank)
	}
	return spec
}

// Take sets l to what adapters are that were trained before.
func (l *LoRA) Take(spec model.LoRA) {
	l.Rank, l.Alpha, l.RSLoRA, l.Targets = spec.Rank, spec.Alpha, spec.RSLoRA, spec.Targets
}

// Validate refuses what no adapters can be, naming the field.
func (l *LoRA) Validate() error {
	if !slices.Contains([]string{"", "same", "f32", "bf16", "int8"}, l.Base) {
		return fmt.Errorf("lora.base is %q; use same, f32, bf16 or int8", l.Base)
	}
	spec := l.Spec()
	if spec == nil {
		if !l.same() {
			return fmt.Errorf("lora.base is %s and lora.rank 0: weights that are trained have the type of "+
				"--precision; set lora.rank to train adapters, or leave lora.base at same", l.Base)
		}
		return nil
	}
	if err := spec.Validate(); err != nil {
		return fmt.Errorf("lora.%w", err)
	}
	return nil
}

// same reports whether the weights beside adapters are kept as --precision says.
func (l *LoRA) same() bool { return l.Base == "" || l.Base == "same" }

// Precision returns the precision of a run whose --precision is p.
func (l *LoRA) Precision(p model.Precision) (model.Precision, error) {
	half := p.Act == model.BF16.Act
	switch {
	case l.Rank == 0 || l.same():
	case l.Base == "f32" && half:
		return p, errors.New("lora.base f32 goes with activations in f32; leave out --precision bf16")
	case l.Base == "bf16":
		p.Weight = model.BF16.Weight
	case l.Base == "int8":
		if p.Weight = model.Int8.Weight; !half {
			p.Name = model.Int8.Name
		}
	}
	return p, nil
}

// AdapterKnobs are the ways in which a run needs less memory by training adapters, over a base in fewer
// bits.
func AdapterKnobs[C any](l *LoRA, of func(*C) *LoRA) (ways []func(*C)) {
	const rank = 16
	if l.Rank == 0 {
		ways = append(ways, func(c *C) { of(c).Rank = rank })
	}
	if l.same() {
		ways = append(ways, func(c *C) {
			at := of(c)
			if at.Base = "int8"; at.Rank == 0 {
				at.Rank = rank
			}
		})
	}
	return ways
}

// LoadBegin loads what a run begins with: the model for training, or frozen, with adapters that are fresh
// from the seed or those in o.Adapter; and its text side.
func (o OnModel) LoadBegin(ctx context.Context, b kernels.Backend, p model.Precision, l *LoRA, seed uint64) (
	*model.Weights, *chat.Dialog, error) {

	spec := l.Spec()
	if spec == nil {
		return Learner(ctx, b, o.Path, p)
	}
	p, err := l.Precision(p)
	if err != nil {
		return nil, nil, err
	}
	w, err := frozen(ctx, b, o.Path, p)
	if err != nil {
		return nil, nil, err
	}
	var text *chat.Dialog
	if o.Adapter != "" {
		_, err = peft.Load(b, w, o.Adapter, model.Training)
	} else if err = w.Adapt(b, *spec, model.Training); err == nil {
		w.InitializeAdapters(b, seed)
	}
	if err == nil {
		text, err = TextOf(o.Path, w.Vocab)
	}
	if err != nil {
		w.Free()
		return nil, nil, err
	}
	w.EOS = EndTokens(w.EOS, text)
	return w, text, nil
}

// frozen loads the model at path, which may name an embedded base, to be trained beside or compared with.
func frozen(ctx context.Context, b kernels.Backend, path string, p model.Precision) (*model.Weights, error) {
	dir, done, err := ModelFolder(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return open.Load(ctx, b, dir, p, model.Inference)
}
