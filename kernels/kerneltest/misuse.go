package kerneltest

import (
	"bytes"
	"math"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// nan puts a NaN into one row. It checks that every operation ends, that the row's results are NaN,
// and that no other row has other bits than without it.
func (s *suite) nan(t *testing.T, ty types) {
	const rows, cols, outs, bad = 6, 40, 33, 2
	r := random(20)
	x := normal(r, rows*cols, 1)
	sick := append([]float64(nil), x...)
	sick[bad*cols+7] = math.NaN()
	w := normal(r, outs*cols, 1)
	targets, ones := make([]int32, rows), make([]float32, rows)
	for i := range ones {
		ones[i] = 1
	}
	cases := []call{
		{name: "RMSNorm", operands: []operand{out("y", ty.out, rows, cols, 0, exact), {},
			in("w", ty.in, 1, cols, w[:cols])},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.RMSNorm(m[0], m[1], m[2], 1e-6) }},
		{name: "MatMul", operands: []operand{out("y", ty.out, rows, outs, 0, exact), {}, in("w", ty.in, outs, cols, w)},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.MatMul(m[0], m[1], m[2], tensor.Mat{}, false) }},
		{name: "SwiGLU", operands: []operand{out("y", ty.out, rows, cols, 0, exact), {},
			in("up", ty.in, rows, cols, x)},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.SwiGLU(m[0], m[1], m[2]) }},
		{name: "Route", operands: []operand{out("weights", ty.acc, rows, 3, 0, exact), {}},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
				ids := make([]int32, 3*rows)
				b.Route(ids, m[0], m[1], true)
				kernels.CheckRows("Route", ids, cols)
			}},
		{name: "LogProb", operands: []operand{out("stats", ty.acc, rows, 3, 0, exact), {},
			in("w", ty.in, outs, cols, w)},
			run: func(b kernels.Backend, m []tensor.Mat, _ []int) { b.LogProb(m[0], m[1], m[2], targets, ones) }},
	}
	a := kernels.Attention{Heads: 1, KVHeads: 1, Dim: cols, Scale: 0.2,
		Queries: []kernels.Query{query(0, rows, span(0, rows))}}
	cases = append(cases, call{name: "Attend",
		operands: []operand{out("o", ty.out, rows, cols, 0, exact), {}, in("k", ty.in, rows, cols, w[:rows*cols])},
		run: func(b kernels.Backend, m []tensor.Mat, _ []int) {
			b.Attend(m[0], tensor.Mat{}, m[1], m[2], m[2], &a)
		}})
	for _, c := range cases {
		c.operands[1] = in("x", ty.in, rows, cols, append([]float64(nil), x...))
		well := s.envs[len(s.envs)-1].exec(t, c, packed, nil)[0]
		c.operands[1].data = sick
		ill := s.envs[len(s.envs)-1].exec(t, c, packed, nil)[0]
		width := len(well) / rows
		for i := range rows {
			same := bytes.Equal(well[i*width:(i+1)*width], ill[i*width:(i+1)*width])
			if i != bad && !same {
				t.Errorf("%s: a NaN in row %d changed row %d", c.name, bad, i)
			}
		}
		spread := false
		for _, v := range values(c.operands[0].typ, ill[bad*width:(bad+1)*width]) {
			spread = spread || math.IsNaN(v)
		}
		if !spread {
			t.Errorf("%s: a NaN in row %d left no trace in the result", c.name, bad)
		}
	}

	// Sample must end, whatever the logits, with an id there is.
	const vocab = kernels.VocabTile + 9
	for _, fill := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0} {
		for _, at := range []int{0, vocab / 2, vocab - 1} {
			logits := make([]float64, vocab)
			for i := range logits {
				logits[i] = fill
			}
			logits[at] = math.NaN()
			for _, how := range []kernels.Sampling{{}, {Temperature: 1, TopP: 1, U: 0.5},
				{Temperature: 1, TopP: 0.9, U: 0.5}, {Temperature: 0.5, TopP: 0.5, TopK: 4, U: 0.99}} {
				if ids, _ := s.envs[0].draw(ty.acc, vocab, logits, []kernels.Sampling{how}); ids[0] < 0 ||
					ids[0] >= vocab {
					t.Errorf("Sample of logits with NaN at %d among %v: id %d", at, fill, ids[0])
				}
			}
		}
	}
}

// refusals gives operations operands that do not fit: each must panic before it writes.
func (s *suite) refusals(t *testing.T) {
	ty := s.types[0]
	for _, c := range []struct {
		name   string
		shapes [][2]int // of the operands
		run    func(b kernels.Backend, m []tensor.Mat)
	}{
		{"Copy", [][2]int{{2, 3}, {3, 2}}, func(b kernels.Backend, m []tensor.Mat) { b.Copy(m[0], m[1]) }},
		{"Scale", [][2]int{{2, 3}, {3, 2}}, func(b kernels.Backend, m []tensor.Mat) { b.Scale(m[0], m[1], 2) }},
		{"Gather beyond the table", [][2]int{{1, 4}, {3, 4}},
			func(b kernels.Backend, m []tensor.Mat) { b.Gather(m[0], m[1], []int32{3}) }},
		{"Gather before the table", [][2]int{{1, 4}, {3, 4}},
			func(b kernels.Backend, m []tensor.Mat) { b.Gather(m[0], m[1], []int32{-1}) }},
		{"Scatter beyond the table", [][2]int{{3, 4}, {1, 4}},
			func(b kernels.Backend, m []tensor.Mat) { b.Scatter(m[0], m[1], []int32{3}) }},
		{"ScatterAdd with rows missing", [][2]int{{3, 4}, {2, 4}},
			func(b kernels.Backend, m []tensor.Mat) { b.ScatterAdd(m[0], m[1], []int32{0}) }},
		{"RMSNorm", [][2]int{{2, 8}, {2, 8}, {1, 7}},
			func(b kernels.Backend, m []tensor.Mat) { b.RMSNorm(m[0], m[1], m[2], 1e-6) }},
		{"RMSNormGrad", [][2]int{{2, 8}, {1, 7}, {2, 8}, {2, 8}, {1, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.RMSNormGrad(m[0], m[1], m[2], m[3], m[4], 1e-6) }},
		{"MatMul, inner", [][2]int{{2, 5}, {2, 8}, {5, 7}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMul(m[0], m[1], m[2], tensor.Mat{}, false) }},
		{"MatMul, outer", [][2]int{{2, 4}, {2, 8}, {5, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMul(m[0], m[1], m[2], tensor.Mat{}, false) }},
		{"MatMul, bias", [][2]int{{2, 5}, {2, 8}, {5, 8}, {1, 4}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMul(m[0], m[1], m[2], m[3], false) }},
		{"MatMulGradX", [][2]int{{2, 8}, {2, 5}, {4, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMulGradX(m[0], m[1], m[2], false) }},
		{"MatMulGradW", [][2]int{{5, 8}, {3, 5}, {2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMulGradW(m[0], tensor.Mat{}, m[1], m[2]) }},
		{"GroupMatMul, weights", [][2]int{{3, 5}, {3, 8}, {5, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.GroupMatMul(m[0], m[1], m[2], []int32{1, 3}) }},
		{"GroupMatMul, rows", [][2]int{{3, 5}, {3, 8}, {10, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.GroupMatMul(m[0], m[1], m[2], []int32{1, 2}) }},
		{"GroupMatMul, order", [][2]int{{3, 5}, {3, 8}, {15, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.GroupMatMul(m[0], m[1], m[2], []int32{2, 1, 3}) }},
		{"GroupMatMulGradX", [][2]int{{3, 7}, {3, 5}, {10, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.GroupMatMulGradX(m[0], m[1], m[2], []int32{1, 3}, false)
		}},
		{"GroupMatMulGradW", [][2]int{{10, 8}, {3, 5}, {2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.GroupMatMulGradW(m[0], m[1], m[2], []int32{1, 3}) }},
		{"Route, ids", [][2]int{{2, 2}, {2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.Route(make([]int32, 3), m[0], m[1], false) }},
		{"Route, more than there are", [][2]int{{1, 3}, {1, 2}},
			func(b kernels.Backend, m []tensor.Mat) { b.Route(make([]int32, 3), m[0], m[1], false) }},
		{"RouteGrad", [][2]int{{2, 8}, {2, 3}, {2, 2}, {2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.RouteGrad(m[0], m[1], m[2], m[3], make([]int32, 4), false)
		}},
		{"RouteGrad, ids", [][2]int{{1, 8}, {1, 2}, {1, 2}, {1, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.RouteGrad(m[0], m[1], m[2], m[3], []int32{0, 8}, false)
		}},
		{"GatherAdd, rows", [][2]int{{2, 8}, {4, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.GatherAdd(m[0], m[1], []int32{0, 1, 2}) }},
		{"GatherAdd beyond the table", [][2]int{{2, 8}, {4, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.GatherAdd(m[0], m[1], []int32{0, 4}) }},
		{"ScaledSwiGLU", [][2]int{{2, 8}, {2, 8}, {2, 8}, {1, 1}},
			func(b kernels.Backend, m []tensor.Mat) { b.ScaledSwiGLU(m[0], m[1], m[2], m[3]) }},
		{"ScaledSwiGLUGrad", [][2]int{{2, 8}, {2, 8}, {2, 2}, {2, 8}, {2, 8}, {2, 8}, {2, 1}},
			func(b kernels.Backend, m []tensor.Mat) {
				b.ScaledSwiGLUGrad(m[0], m[1], m[2], m[3], m[4], m[5], m[6])
			}},
		{"MatMulGradW, bias", [][2]int{{5, 8}, {2, 5}, {2, 8}, {1, 4}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMulGradW(m[0], m[3], m[1], m[2]) }},
		{"RopeTable", [][2]int{{2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.RopeTable(m[0], []int32{1, 2, 3}, kernels.Rotary{Dim: 8, InvFreq: make([]float64, 4), Scale: 1})
		}},
		{"RopeTable, frequencies", [][2]int{{1, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.RopeTable(m[0], []int32{1}, kernels.Rotary{Dim: 8, InvFreq: make([]float64, 3), Scale: 1})
		}},
		{"Rope", [][2]int{{2, 12}, {2, 12}, {2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.Rope(m[0], m[1], m[2], false) }},
		{"SwiGLU", [][2]int{{2, 8}, {2, 8}, {2, 7}},
			func(b kernels.Backend, m []tensor.Mat) { b.SwiGLU(m[0], m[1], m[2]) }},
		{"SwiGLUGrad", [][2]int{{2, 8}, {2, 7}, {2, 8}, {2, 8}, {2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.SwiGLUGrad(m[0], m[1], m[2], m[3], m[4]) }},
		{"Attend, rows", [][2]int{{2, 8}, {2, 8}, {4, 8}, {4, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.Attend(m[0], tensor.Mat{}, m[1], m[2], m[3], attention(query(1, 2, span(0, 4))))
		}},
		{"Attend, keys", [][2]int{{2, 8}, {2, 8}, {4, 8}, {4, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.Attend(m[0], tensor.Mat{}, m[1], m[2], m[3], attention(query(0, 2, span(1, 4))))
		}},
		{"Attend, too few keys", [][2]int{{2, 8}, {2, 8}, {4, 8}, {4, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.Attend(m[0], tensor.Mat{}, m[1], m[2], m[3], attention(query(0, 2, span(0, 1))))
		}},
		{"Attend, lse", [][2]int{{2, 8}, {2, 8}, {4, 8}, {4, 8}, {1, 1}}, func(b kernels.Backend, m []tensor.Mat) {
			b.Attend(m[0], m[4], m[1], m[2], m[3], attention(query(0, 2, span(0, 4))))
		}},
		{"Attend, window", [][2]int{{2, 8}, {2, 8}, {4, 8}, {4, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			a := attention(query(0, 2, span(0, 4)))
			a.Window = -1
			b.Attend(m[0], tensor.Mat{}, m[1], m[2], m[3], a)
		}},
		{"LogProb, target", [][2]int{{1, 3}, {1, 8}, {5, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.LogProb(m[0], m[1], m[2], []int32{5}, []float32{1})
		}},
		{"LogProb, temperatures", [][2]int{{1, 3}, {1, 8}, {5, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.LogProb(m[0], m[1], m[2], []int32{0}, nil)
		}},
		{"Sample", [][2]int{{2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.Sample(make([]int32, 2), make([]float32, 1), m[0], make([]kernels.Sampling, 2))
		}},
		{"AdamW", [][2]int{{2, 8}, {2, 8}, {2, 7}, {2, 8}, {2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.AdamW(m[0], m[1], m[2], m[3], m[4], kernels.AdamStep{Step: 1})
		}},
		{"Quantize, shape", [][2]int{{2, 8}, {3, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.Quantize(int8Of(b, m[0]), m[1]) }},
		{"Quantize to another type", [][2]int{{2, 8}, {2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.Quantize(m[0], m[1]) }},
		{"Write to int8", [][2]int{{1, 8}}, func(b kernels.Backend,
			m []tensor.Mat) {
			b.Write(int8Of(b, m[0]), make([]byte, 8))
		}},
		{"Read of int8", [][2]int{{1, 8}}, func(b kernels.Backend,
			m []tensor.Mat) {
			b.Read(make([]byte, 8), int8Of(b, m[0]))
		}},
		{"Copy to int8", [][2]int{{2, 8}}, func(b kernels.Backend, m []tensor.Mat) { b.Copy(int8Of(b, m[0]), m[0]) }},
		{"Zero of int8", [][2]int{{2, 8}}, func(b kernels.Backend, m []tensor.Mat) { b.Zero(int8Of(b, m[0])) }},
		{"Scatter to int8", [][2]int{{2, 8}, {1, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.Scatter(int8Of(b, m[0]), m[1], []int32{0}) }},
		{"RMSNorm by int8", [][2]int{{2, 8}, {2, 8}, {1, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.RMSNorm(m[0], m[1], int8Of(b, m[2]), 1e-6) }},
		{"MatMul of int8 rows", [][2]int{{2, 5}, {2, 8}, {5, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.MatMul(m[0], int8Of(b, m[1]), m[2], tensor.Mat{}, false)
		}},
		{"MatMulGradX of int8 rows", [][2]int{{2, 8}, {2, 5}, {5, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMulGradX(m[0], int8Of(b, m[1]), m[2], false) }},
		{"MatMulGradX to int8", [][2]int{{2, 8}, {2, 5}, {5, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.MatMulGradX(int8Of(b, m[0]), m[1], m[2], false) }},
		{"MatMulGradW to int8", [][2]int{{5, 8}, {2, 5}, {2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.MatMulGradW(int8Of(b, m[0]), tensor.Mat{}, m[1], m[2])
		}},
		{"LogProbGrad to int8", [][2]int{{1, 8}, {5, 8}, {1, 3}, {1, 8}, {5, 8}},
			func(b kernels.Backend, m []tensor.Mat) {
				b.LogProbGrad(m[0], int8Of(b, m[1]), m[2], m[3], m[4], []int32{0}, []float32{1}, []float32{1},
					[]float32{0})
			}},
		{"LogProbGrad, dw", [][2]int{{1, 8}, {4, 8}, {1, 3}, {1, 8}, {5, 8}},
			func(b kernels.Backend, m []tensor.Mat) {
				b.LogProbGrad(m[0], m[1], m[2], m[3], m[4], []int32{0}, []float32{1}, []float32{1}, []float32{0})
			}},
		{"AdamW of int8", [][2]int{{2, 8}, {2, 8}, {2, 8}, {2, 8}, {2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.AdamW(int8Of(b, m[0]), m[1], m[2], m[3], m[4], kernels.AdamStep{Step: 1})
		}},
		{"AdamW with moments of int8", [][2]int{{2, 8}, {2, 8}, {2, 8}, {2, 8}},
			func(b kernels.Backend, m []tensor.Mat) {
				b.AdamW(m[0], m[0], int8Of(b, m[1]), m[2], m[3], kernels.AdamStep{Step: 1})
			}},
		{"AdamW with moments exchanged", [][2]int{{2, 8}, {2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			a := m[0].Arena
			b.AdamW(m[0], m[0], a.New(tensor.V8, 2, 8), a.New(tensor.M8, 2, 8), m[1], kernels.AdamStep{Step: 1})
		}},
		{"Zero of moments", [][2]int{{2, 8}}, func(b kernels.Backend,
			m []tensor.Mat) {
			b.Zero(m[0].Arena.New(tensor.V8, 2, 8))
		}},
		{"Copy to moments", [][2]int{{2, 8}}, func(b kernels.Backend,
			m []tensor.Mat) {
			b.Copy(m[0].Arena.New(tensor.M8, 2, 8), m[0])
		}},
		{"Write to moments", [][2]int{{2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.Write(m[0].Arena.New(tensor.M8, 2, 8), make([]byte, 16)) }},
		{"MatMul by moments", [][2]int{{2, 5}, {2, 8}}, func(b kernels.Backend, m []tensor.Mat) {
			b.MatMul(m[0], m[1], m[0].Arena.New(tensor.M8, 5, 8), tensor.Mat{}, false)
		}},
		{"SumSquares of int8", [][2]int{{2, 8}},
			func(b kernels.Backend, m []tensor.Mat) { b.SumSquares(int8Of(b, m[0])) }},
	} {
		func() {
			e := s.envs[len(s.envs)-1]
			mark := e.arena.Mark()
			defer e.arena.Release(mark)
			var mats []tensor.Mat
			var regions []*region
			for _, shape := range c.shapes {
				r := e.place(e.arena, ty.in, shape[0], shape[1], make([]float64, shape[0]*shape[1]), packed)
				regions, mats = append(regions, r), append(mats, r.Mat)
			}
			defer func() {
				if recover() == nil {
					t.Errorf("%s: operands that do not fit were accepted", c.name)
				}
				for i, r := range regions {
					if _, intact := e.fetch(r, false); !intact {
						t.Errorf("%s: operand %d was written before the refusal", c.name, i)
					}
				}
			}()
			c.run(e.b, mats)
		}()
	}
}

func attention(q ...kernels.Query) *kernels.Attention {
	return &kernels.Attention{Heads: 1, KVHeads: 1, Dim: 8, Scale: 1, Queries: q}
}
