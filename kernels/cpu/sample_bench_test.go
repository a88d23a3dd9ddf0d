package cpu

import (
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// BenchmarkSample draws one token of each of 8 rows from the vocabulary of Qwen2.5. The rate counts
// the logits once.
func BenchmarkSample(b *testing.B) {
	const rows, vocab = 8, 151936
	for _, c := range []struct {
		name string
		how  kernels.Sampling
	}{
		{"greedy", kernels.Sampling{}},
		{"temperature", kernels.Sampling{Temperature: .7, TopP: 1, U: .5}},
		{"topk=50", kernels.Sampling{Temperature: .7, TopP: 1, TopK: 50, U: .5}},
		{"topp=.9", kernels.Sampling{Temperature: .7, TopP: .9, U: .5}},
		{"topk=20,topp=.8", kernels.Sampling{Temperature: .7, TopP: .8, TopK: 20, U: .5}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newBench(b, 1)
			logits := r.filled(r.rest, tensor.F32, rows, vocab)
			for i := range rows { // a few tens of likely ids
				l := tensor.Elems[float32](logits.Slice(i, i+1))
				for j := range l {
					l[j] *= 30
				}
				for j := range 40 {
					l[(j*3797+i)%vocab] = 18 - float32(j)*.3
				}
			}
			ids, logp, how := make([]int32, rows), make([]float32, rows), make([]kernels.Sampling, rows)
			for i := range how {
				how[i] = c.how
				how[i].U = float64(i) / rows
			}
			for b.Loop() {
				r.Sample(ids, logp, logits, how)
			}
			b.ReportMetric(4*rows*vocab*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/rows, "us/row")
		})
	}
}
