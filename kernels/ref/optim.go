package ref

import (
	"math"
	"sort"

	"spell/kernels"
	"spell/tensor"
)

// SumSquares returns Σ m².
func (*Backend[T]) SumSquares(m tensor.Mat) float64 {
	M := open[T](m)
	var s float64
	for i := range M.Rows {
		for j := range M.Cols {
			v := float64(M.at(i, j))
			s += v * v
		}
	}
	return s
}

// AdamW takes one optimizer step.
func (*Backend[T]) AdamW(w, master, m, v, grad tensor.Mat, s kernels.AdamStep) {
	for _, o := range []tensor.Mat{master, m, v, grad} {
		kernels.CheckShape("AdamW", "operand", o, w.Rows, w.Cols)
	}
	W, P, M, V, G := open[T](w), open[T](master), moments[T](m, tensor.M8), moments[T](v, tensor.V8), open[T](grad)
	c1 := 1 - math.Pow(s.Beta1, float64(s.Step))
	c2 := 1 - math.Pow(s.Beta2, float64(s.Step))
	ms, vs := make([]float64, W.Cols), make([]float64, W.Cols)
	for i := range W.Rows {
		for j := range W.Cols {
			g := float64(G.at(i, j)) * s.GradScale
			m1 := s.Beta1*float64(M.at(i, j)) + (1-s.Beta1)*g
			v1 := s.Beta2*float64(V.at(i, j)) + (1-s.Beta2)*g*g
			ms[j], vs[j] = m1, v1
			p := float64(P.at(i, j))
			p -= s.LR * ((m1/c1)/(math.Sqrt(v1/c2)+s.Eps) + s.WeightDecay*p)
			P.set(i, j, T(p))
			W.set(i, j, T(p))
		}
		M.save(i, ms, s.Seed)
		V.save(i, vs, s.Seed+1)
	}
	w.Arena.Touch()
	master.Arena.Touch()
}

// moments opens an operand that may be of the type coded, too.
func moments[T tensor.Float](m tensor.Mat, coded tensor.DType) mat[T] {
	if m.Type != coded {
		return open[T](m)
	}
	return mat[T]{Mat: m, words: tensor.Elems[uint32](m.Words())}
}

// code returns where the code of element (i, j) lies: its word, its byte q there and its place k
// among the words of the run, and the base of the run.
func (m *mat[T]) code(i, j int) (word *uint32, q, k int, base *uint32) {
	row := m.words[i*m.Stride/4:][:m.Stride/4]
	codes, _ := tensor.MomentWords(m.Cols)
	run := j / tensor.MomentRun
	from := run * tensor.MomentRun
	w := (min(tensor.MomentRun, m.Cols-from) + 3) / 4
	q, k = (j-from)/w, (j-from)%w
	return &row[from/4+k], q, k, &row[codes+run]
}

// moment returns element (i, j) of an M8 or V8 matrix.
func (m *mat[T]) moment(i, j int) T {
	word, q, _, base := m.code(i, j)
	b := float64(math.Float32frombits(*base))
	c := int(*word >> (8 * q) & 0xff)
	if m.Type == tensor.V8 {
		return T(float32(b * step(c)))
	}
	v := float64(float32(b*step(c%128) - b))
	if c >= 128 {
		v = -v
	}
	return T(v)
}

// step returns 2^(c/8) * (1 + c%8/8): what a code multiplies a base by.
func step(c int) float64 { return math.Ldexp(1+float64(c%8)/8, c/8) }

// save writes row i, rounded.
func (m *mat[T]) save(i int, row []float64, seed uint64) {
	for j0 := 0; j0 < m.Cols; j0 += tensor.MomentRun {
		run := row[j0:min(j0+tensor.MomentRun, m.Cols)]
		words, flip := kernels.Noise(seed, i, j0/tensor.MomentRun)
		switch m.Type {
		case tensor.M8, tensor.V8:
			m.encode(i, j0, run, words, flip)
		case tensor.BF16:
			for k, v := range run {
				m.u16[i*m.Stride+j0+k] = uint16((math.Float32bits(float32(v)) + (words[k]^flip)&0xffff) >> 16)
			}
		default:
			for k, v := range run {
				m.set(i, j0+k, T(v))
			}
		}
	}
}

// encode writes the run that begins at column j0 of row i: the least code or the next, as the noise
// says.
func (m *mat[T]) encode(i, j0 int, run []float64, words []uint32, flip uint32) {
	var top float32
	for _, v := range run {
		top = max(top, float32(math.Abs(v)))
	}
	b := kernels.MomentBase(m.Type, top)
	for j, v := range run {
		word, q, k, base := m.code(i, j0+j)
		*base = math.Float32bits(b)
		code := uint32(0)
		if b > 0 {
			y := float32(v)
			if m.Type == tensor.M8 {
				y = float32(math.Abs(v)) + b
			}
			c := sort.Search(255, func(c int) bool { return float64(y) < float64(b)*step(c+1) })
			share := max(float64(y)/float64(b)-step(c), 0) / (step(c+1) - step(c))
			x := words[k] ^ flip
			noise := [...]uint32{x % (1 << 20), x >> 12, ^x % (1 << 20), ^(x >> 12) % (1 << 20)}[q]
			if share*(1<<20)+float64(noise) >= 1<<20 {
				c++
			}
			code = uint32(c)
			if m.Type == tensor.M8 && v < 0 {
				code |= 128
			}
		}
		*word = *word&^(0xff<<(8*q)) | code<<(8*q)
	}
}
