package model

import (
	"context"

	"spell/kernels"
	"spell/tensor"
)

// headRows is how many scored tokens the head takes at a time.
const headRows = 2048

// A headChunk is the memory of some scored tokens on their way through the final norm and the head,
// and what the kernels take about each of them.
type headChunk struct {
	numbers  []int32    // [m] index of each token in Layout.Scored
	rows     []int32    // [m] its predictor's row in pass.out
	targets  []int32    // [m] its id
	invTemp  []float32  // [m] 1/temperature
	dLogProb []float32  // [m] derivative of the loss by its log-probability
	dEntropy []float32  // [m] derivative of the loss by its entropy
	x, xn    tensor.Mat // Act [m, hidden], gathered from pass.out; normed
	stats    tensor.Mat // Acc [m, 3], what LogProb leaves
	dx, dxn  tensor.Mat // Acc [m, hidden]; zero without training
}

// newHeadChunk carves the matrices of m tokens off a.
func (d *Decoder) newHeadChunk(a *tensor.Arena, m int, train bool) *headChunk {
	prec := d.W.Precision
	h := &headChunk{x: a.New(prec.Act, m, d.W.Hidden), xn: a.New(prec.Act, m, d.W.Hidden), stats: a.New(prec.Acc, m, 3)}
	if train {
		h.dx, h.dxn = a.New(prec.Acc, m, d.W.Hidden), a.New(prec.Acc, m, d.W.Hidden)
	}
	return h
}

// headChunks calls do for the tokens that a batch predicts, headRows at a time, with x and xn
// computed. It returns ctx's error as soon as it sees one between two chunks.
func (s *stepState) headChunks(ctx context.Context, p *pass, train bool, do func(h *headChunk)) error {
	predicted := p.batch.Predicted
	for at := 0; at < len(predicted); at += headRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		numbers := predicted[at:min(at+headRows, len(predicted))]
		mark := s.arena.Mark()
		h := s.newHeadChunk(s.arena, len(numbers), train)
		h.numbers, h.rows = numbers, p.batch.PredictRows[at:at+len(numbers)]
		for _, k := range numbers {
			token := &s.layout.Scored[k]
			h.targets, h.invTemp = append(h.targets, token.Target), append(h.invTemp, token.InvTemp)
			h.dLogProb, h.dEntropy = append(h.dLogProb, s.dLogProb[k]), append(h.dEntropy, s.dEntropy[k])
		}
		s.B.Gather(h.x, p.out, h.rows)
		s.B.RMSNorm(h.xn, h.x, s.W.Norm.W, s.W.NormEps)
		do(h)
		s.arena.Release(mark)
	}
	return nil
}

// headForward fills in the statistics of the tokens that a batch predicts, from p.out.
func (s *stepState) headForward(ctx context.Context, p *pass) error {
	return s.headChunks(ctx, p, false, func(h *headChunk) {
		s.B.LogProb(h.stats, h.xn, s.W.Head.W, h.targets, h.invTemp)
		raw := make([]float64, 3*len(h.numbers))
		kernels.Download(s.B, raw, h.stats)
		for i, k := range h.numbers {
			copy(s.raw[3*k:], raw[3*i:3*i+3])
			s.stats[k] = Stat{LogProb: float32(raw[3*i]), Entropy: float32(raw[3*i+1])}
		}
	})
}

// headBackward sets the first p.live rows of dh, Acc [n, hidden], to the gradient of p.out, and
// adds the gradients of the final norm and the head.
func (s *stepState) headBackward(ctx context.Context, p *pass, dh tensor.Mat) error {
	dh = dh.Slice(0, p.live)
	s.B.Zero(dh)
	return s.headChunks(ctx, p, true, func(h *headChunk) {
		raw := make([]float64, 0, 3*len(h.numbers))
		for _, k := range h.numbers {
			raw = append(raw, s.raw[3*k:3*k+3]...)
		}
		kernels.Upload(s.B, h.stats, raw)
		s.B.LogProbGrad(h.dxn, s.W.Head.Grad, h.stats, h.xn, s.W.Head.W, h.targets, h.invTemp, h.dLogProb, h.dEntropy)
		s.B.Zero(h.dx)
		s.B.RMSNormGrad(h.dx, s.W.Norm.Grad, h.dxn, h.x, s.W.Norm.W, s.W.NormEps)
		s.B.ScatterAdd(dh, h.dx, h.rows)
	})
}
