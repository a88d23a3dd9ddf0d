package main

import (
	"fmt"

	"spell/bench/shapes"
	"spell/kernels/tally"
	"spell/model"
)

// A problem is something to measure. The peers read it as JSON.
type problem struct {
	Step string `json:"step"`
	Case string `json:"case"`
	// A product has y of rows × out elements, each a sum over in; forms are those of Backend: forward,
	// gradX, gradW.
	Form string `json:"form,omitempty"`
	Rows int    `json:"rows,omitempty"`
	Out  int    `json:"out,omitempty"`
	In   int    `json:"in,omitempty"`
	// Attention is causal, over one sequence, forward or backward.
	Length  int `json:"length,omitempty"`
	Heads   int `json:"heads,omitempty"`
	KVHeads int `json:"kv_heads,omitempty"`
	Dim     int `json:"dim,omitempty"`
	// A step of training takes sequences of a length; an update answers to one prompt.
	Model     *decoder `json:"model,omitempty"`
	Sequences int      `json:"sequences,omitempty"`
	Prompt    int      `json:"prompt,omitempty"`
	Answers   int      `json:"answers,omitempty"`
	Answer    int      `json:"answer,omitempty"`

	Tokens float64 `json:"tokens,omitempty"` // that a call trains on or generates
	Flops  float64 `json:"flops,omitempty"`  // of a call, a multiply-add being two
	Bytes  float64 `json:"bytes,omitempty"`  // that have to move, at least
}

// A decoder is what a peer has to know of a model.
type decoder struct {
	Name    string `json:"name"`
	Vocab   int    `json:"vocab"`
	Hidden  int    `json:"hidden"`
	FF      int    `json:"ff"`
	Layers  int    `json:"layers"`
	Heads   int    `json:"heads"`
	KVHeads int    `json:"kv_heads"`
	Dim     int    `json:"dim"`

	config model.Config
}

func decoderOf(name string, c model.Config) *decoder {
	return &decoder{name, c.Vocab, c.Hidden, c.FF, c.Layers, c.Heads, c.KVHeads, c.HeadDim, c}
}

// sizes are those of all problems.
type sizes struct {
	ceiling, copied   int // width of the largest product, bytes of a copy
	rows              int // of products
	widths            [][3]int
	lengths           []int // of attention
	heads             [][3]int
	large, small      *decoder
	decoded           []int // answers at a time
	generated         int   // tokens of each
	sequences, length int   // of a training step
	prompt, answer    int   // of an update, in tokens
	answers           int
}

// real are those of the tables. widths are hidden, feed-forward and key-value columns of decoders of 0.5B,
// 1.5B, 3B and 8B parameters.
func realSizes() sizes {
	return sizes{ceiling: 8192, copied: 4 << 30, rows: 4096,
		widths:  [][3]int{{896, 4864, 128}, {1536, 8960, 256}, {2048, 11008, 256}, {4096, 14336, 1024}},
		lengths: []int{2048, 8192, 32768}, heads: [][3]int{{14, 2, 64}, {12, 2, 128}},
		large: decoderOf("1.5B", shapes.Qwen15B), small: decoderOf("0.5B", shapes.Qwen05B),
		decoded: []int{1, 8, 64}, generated: 64, sequences: 4, length: 4096,
		prompt: 16384, answer: 512, answers: 8}
}

// tinySizes are those that an emulated device computes in seconds.
func tinySizes() sizes {
	c := model.Config{Family: "qwen2", Vocab: 300, Hidden: 64, FF: 128, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 32,
		QKVBias: true, Tied: true, NormEps: 1e-6, Context: 1 << 12,
		Rope: model.Rope{Theta: 1e6, Type: "default"}, BOS: -1, EOS: []int32{299}}
	d := decoderOf("tiny", c)
	return sizes{ceiling: 128, copied: 1 << 16, rows: 64, widths: [][3]int{{64, 160, 32}}, lengths: []int{128},
		heads: [][3]int{{2, 1, 32}}, large: d, small: d, decoded: []int{1, 3}, generated: 4, sequences: 2, length: 16,
		prompt: 32, answer: 4, answers: 2}
}

// problems returns those of a step.
func (s *sizes) problems(step string) (list []problem, err error) {
	switch step {
	case "ceilings":
		n := float64(s.copied)
		list = append(list, problem{Case: "copy", Bytes: 2 * n, Rows: s.copied / 8192, Out: 4096},
			s.product("forward", s.ceiling, s.ceiling, s.ceiling))
	case "gemm":
		for _, form := range []string{"forward", "gradX", "gradW"} {
			for _, w := range s.widths {
				for _, p := range [][2]int{{w[0] + 2*w[2], w[0]}, {w[1], w[0]}, {w[0], w[1]}} {
					list = append(list, s.product(form, s.rows, p[0], p[1]))
				}
			}
		}
	case "attention":
		for _, form := range []string{"forward", "backward"} {
			for _, h := range s.heads {
				for _, n := range s.lengths {
					list = append(list, attentionProblem(form, n, h))
				}
			}
		}
	case "train":
		p := problem{Model: s.large, Sequences: s.sequences, Length: s.length,
			Tokens: float64(s.sequences * s.length), Case: fmt.Sprintf("%s, %d × %d tokens", s.large.Name,
				s.sequences, s.length)}
		p.Flops, err = flopsOfStep(&p)
		list = append(list, p)
	case "update", "selfplay":
		m := map[string]*decoder{"update": s.large, "selfplay": s.small}[step]
		p := problem{Model: m, Prompt: s.prompt, Answers: s.answers, Answer: s.answer,
			Tokens: float64(s.prompt + s.answers*s.answer),
			Case: fmt.Sprintf("%s, a prompt of %d, %d answers of %d", m.Name, s.prompt, s.answers,
				s.answer)}
		p.Flops, err = flopsOfStep(&p)
		list = append(list, p)
	case "decode":
		for _, n := range s.decoded {
			list = append(list, problem{Case: fmt.Sprintf("%s, %d answers at a time", s.large.Name, n), Model: s.large,
				Answers: n, Answer: s.generated, Tokens: float64(n)})
		}
	case "delta":
		n := s.decoded[len(s.decoded)-1]
		list = append(list, problem{Case: s.small.Name, Model: s.small, Answers: n, Answer: 3 * s.generated})
	default:
		return nil, fmt.Errorf("no step %q has problems", step)
	}
	for i := range list {
		list[i].Step = step
	}
	return list, err
}

// product is y = x·Wᵀ of rows × out elements, or a gradient of the same shape.
func (s *sizes) product(form string, rows, out, in int) problem {
	elements := rows*out + out*in + rows*in
	return problem{Case: fmt.Sprintf("%s %d×%d, sums of %d", form, rows, out, in), Form: form, Rows: rows, Out: out,
		In: in, Flops: 2 * float64(rows) * float64(out) * float64(in), Bytes: 2 * float64(elements)}
}

// attentionProblem is causal attention of heads[0] heads over heads[1] of keys. Backward has five products
// for the two of forward.
func attentionProblem(form string, n int, heads [3]int) problem {
	p := problem{Case: fmt.Sprintf("%s %d, %d/%d heads of %d", form, n, heads[0], heads[1], heads[2]), Form: form,
		Length: n, Heads: heads[0], KVHeads: heads[1], Dim: heads[2]}
	pairs := float64(n) * float64(n+1) / 2 * float64(heads[0])
	p.Flops = 4 * pairs * float64(heads[2])
	if form == "backward" {
		p.Flops *= 2.5
	}
	return p
}

// flopsOfStep counts the operations of a training step on paper.
func flopsOfStep(p *problem) (float64, error) {
	t := tally.New(tally.Rates{})
	d, err := newTraining(t, p)
	if err != nil {
		return 0, err
	}
	before := t.Work.Total()
	err = d.step()
	return t.Work.Total() - before, err
}
