package main

import (
	"encoding/gob"
	"fmt"
	"hash/fnv"
	"math"
	"os"

	"spell/kernels"
	"spell/tensor"
)

// An output is what an operation left on the emulated device.
type output struct {
	Name   string
	Hash   uint64    // of all elements
	Sample []float32 // some of them
	// Close outputs depend on functions that devices have of their own: they may differ by a rounding.
	Close bool
}

// sampled is how many elements of an output are kept at most.
const sampled = 4096

func (l *lab) output(name string, m tensor.Mat) output {
	all := make([]float32, m.Len())
	kernels.Download(l, all, m)
	h, raw := fnv.New64a(), make([]byte, 4*len(all))
	tensor.Encode(raw, tensor.F32, all)
	h.Write(raw)
	o := output{Name: name, Hash: h.Sum64()}
	each := 1 + (len(all)-1)/sampled
	for i := 0; i < len(all); i += each {
		o.Sample = append(o.Sample, all[i])
	}
	return o
}

// outputs runs operations, each kernel at least once, and returns what they leave.
func (l *lab) outputs() (list []output, err error) {
	const f32, bf16 = tensor.F32, tensor.BF16
	with := func(shapes []shape, run func(m []tensor.Mat)) {
		if err != nil {
			return
		}
		var m []tensor.Mat
		if m, err = l.matrices(shapes...); err == nil {
			run(m)
			l.release()
		}
	}
	keep := func(name string, m tensor.Mat) { list = append(list, l.output(name, m)) }
	// Few rows, rows that are not aligned, small tiles, large ones; f32.
	for _, p := range []struct {
		typ           tensor.DType
		rows, out, in int
	}{{bf16, 7, 200, 192}, {bf16, 90, 130, 77}, {bf16, 90, 136, 72}, {bf16, 1536, 1664, 64}, {bf16, 40, 64, 4160},
		{f32, 90, 130, 77}} {
		name := fmt.Sprintf("%v %d×%d×%d", p.typ, p.rows, p.out, p.in)
		with([]shape{{p.typ, p.rows, p.in}, {p.typ, p.out, p.in}, {f32, p.rows, p.out}, {p.typ, p.rows, p.out},
			{f32, p.rows, p.in}, {f32, p.out, p.in}, {f32, 1, p.out}}, func(m []tensor.Mat) {
			l.MatMul(m[2], m[0], m[1], m[6], true)
			keep("MatMul "+name, m[2])
			l.MatMulGradX(m[4], m[3], m[1], true)
			keep("MatMulGradX "+name, m[4])
			l.MatMulGradW(m[5], m[6], m[3], m[0])
			keep("MatMulGradW "+name, m[5])
			keep("MatMulGradW, bias "+name, m[6])
		})
	}
	for _, dim := range []int{32, 64, 80, 128, 192, 256} {
		for _, typ := range []tensor.DType{bf16, f32} {
			const heads = 2
			n := 100
			if typ == bf16 && dim == 64 {
				n = 600 // two runs of keys, which some kernels merge
			}
			q, k, sum := shape{typ, n, heads * dim}, shape{typ, n, dim}, shape{f32, n, dim}
			name, a := fmt.Sprintf("%v, heads of %d", typ, dim), causal(n, heads, 1, dim)
			with([]shape{q, q, k, k, {f32, n, heads}, q, {f32, n, heads * dim}, sum, sum}, func(m []tensor.Mat) {
				l.Attend(m[0], m[4], m[1], m[2], m[3], a)
				keep("Attend "+name, m[0])
				keep("Attend, lse "+name, m[4])
				l.AttendGrad(m[6], m[7], m[8], m[5], m[0], m[4], m[1], m[2], m[3], a)
				keep("AttendGrad, dq "+name, m[6])
				keep("AttendGrad, dk "+name, m[7])
				keep("AttendGrad, dv "+name, m[8])
			})
		}
	}
	for _, typ := range []tensor.DType{bf16, f32} {
		name := fmt.Sprint(" ", typ)
		x := shape{typ, 100, 896}
		with([]shape{x, x, {f32, 1, 896}, {f32, 100, 896}, {f32, 1, 896}}, func(m []tensor.Mat) {
			l.RMSNorm(m[0], m[1], m[2], 1e-6)
			keep("RMSNorm"+name, m[0])
			l.RMSNormGrad(m[3], m[4], m[0], m[1], m[2], 1e-6)
			keep("RMSNormGrad"+name, m[3])
			keep("RMSNormGrad, dw"+name, m[4])
		})
		with([]shape{x, x, x, x, x}, func(m []tensor.Mat) {
			l.SwiGLU(m[0], m[1], m[2])
			keep("SwiGLU"+name, m[0])
			l.SwiGLUGrad(m[3], m[4], m[0], m[1], m[2])
			keep("SwiGLUGrad, dgate"+name, m[3])
			keep("SwiGLUGrad, dup"+name, m[4])
		})
		with([]shape{x, x, {f32, 100, 64}}, func(m []tensor.Mat) {
			l.Rope(m[0], m[1], m[2], false)
			keep("Rope"+name, m[0])
		})
		w := shape{typ, 1000, 128}
		with([]shape{{f32, 40, 3}, {typ, 40, 128}, w, {f32, 40, 128}, {f32, 1000, 128}}, func(m []tensor.Mat) {
			targets, ones := make([]int32, 40), make([]float32, 40)
			for i := range targets {
				targets[i], ones[i] = int32(i*17), 1
			}
			l.LogProb(m[0], m[1], m[2], targets, ones)
			keep("LogProb"+name, m[0])
			l.LogProbGrad(m[3], m[4], m[0], m[1], m[2], targets, ones, ones, ones)
			keep("LogProbGrad, dx"+name, m[3])
			keep("LogProbGrad, dw"+name, m[4])
		})
	}
	with([]shape{{f32, 16, 64}}, func(m []tensor.Mat) {
		r := kernels.Rotary{Dim: 64, Scale: 1, InvFreq: make([]float64, 32)}
		for i := range r.InvFreq {
			r.InvFreq[i] = math.Pow(1e6, -float64(i)/32)
		}
		l.RopeTable(m[0], []int32{0, 1, 2, 3, 5, 8, 13, 21, 99, 1000, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16,
			1 << 17}, r)
		o := l.output("RopeTable", m[0])
		o.Close = true
		list = append(list, o)
	})
	for _, moments := range [][2]tensor.DType{{f32, f32}, {bf16, bf16}, {tensor.M8, tensor.V8}} {
		with([]shape{{bf16, 30, 1500}, {f32, 30, 1500}, {f32, 30, 1500}}, func(m []tensor.Mat) {
			var a *tensor.Arena
			size := tensor.PlanArena()
			lay := func(a *tensor.Arena) []tensor.Mat {
				return []tensor.Mat{a.New(moments[0], 30, 1500), a.New(moments[1], 30, 1500)}
			}
			lay(size)
			if a, err = l.Alloc("moments", size.Peak()); err != nil {
				return
			}
			defer a.Free()
			mv := lay(a)
			for _, m := range mv {
				if m.Type == tensor.M8 || m.Type == tensor.V8 {
					m = m.Words()
				}
				l.Zero(m)
			}
			for step := 1; step <= 3; step++ {
				l.AdamW(m[0], m[1], mv[0], mv[1], m[2], kernels.AdamStep{LR: 1e-3, Beta1: .9, Beta2: .99, Eps: 1e-8,
					WeightDecay: .1, GradScale: 1, Step: step, Seed: uint64(step)})
			}
			keep(fmt.Sprintf("AdamW %v %v", moments[0], moments[1]), m[1])
			list = append(list, output{Name: fmt.Sprintf("SumSquares after AdamW %v", moments[0]),
				Sample: []float32{float32(l.SumSquares(m[1]))}})
		})
	}
	return list, err
}

// writeOutputs keeps what the operations leave.
func (l *lab) writeOutputs(path string) error {
	list, err := l.outputs()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(f).Encode(list); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// compareOutputs compares what the operations leave with what was kept.
func (l *lab) compareOutputs(path string) (results []result, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var want []output
	if err := gob.NewDecoder(f).Decode(&want); err != nil {
		return nil, fmt.Errorf("%s holds no outputs: %w", path, err)
	}
	got, err := l.outputs()
	if err != nil {
		return nil, err
	}
	equal := 0
	for i, g := range got {
		if i >= len(want) || g.Name != want[i].Name {
			return nil, fmt.Errorf("%s was written by another version of this program", path)
		}
		says, ok := compare(g, want[i])
		if says == "" {
			equal++
			continue
		}
		results = append(results, result{problem: problem{Step: "bits", Case: g.Name}, Engine: ours, Note: says,
			Failed: !ok})
	}
	return append(results, result{problem: problem{Step: "bits", Case: "all"}, Engine: ours,
		Note: fmt.Sprintf("%d of %d outputs have the emulator's bits", equal, len(got)), Failed: equal < len(got)}), nil
}

// compare says how an output differs, "" if it does not, and whether it may.
func compare(got, want output) (says string, ok bool) {
	n, apart := differ(got.Sample, want.Sample), 0.0
	if n == 0 && got.Hash == want.Hash {
		return "", true
	}
	largest := 0.0
	for i, w := range want.Sample {
		apart = max(apart, math.Abs(float64(got.Sample[i])-float64(w)))
		largest = max(largest, math.Abs(float64(w)))
	}
	says = fmt.Sprintf("%d of %d elements differ in a sample, by %.2g at most of %.2g", n, len(got.Sample), apart,
		largest)
	return says, want.Close && apart <= 0x1p-22*largest
}
