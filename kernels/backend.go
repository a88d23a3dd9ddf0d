// Package kernels is the engine's instruction set: some thirty fused operations on matrices,
// each forward beside its gradient, which every backend implements and kerneltest checks.
//
// Four rules hold for every operation of every backend.
//
//   - The doc comment is the operation: a loop in Go over At and Set, exact up to rounding.
//   - An operation computes in f32 (f64 in the oracle) and rounds once, to the type of the
//     matrix it writes. Where precision is bf16 the rounding points are thus the types the model
//     gives its matrices: weights, both operands of every product, K and V, block inputs.
//     Products inside an operation (the probabilities in Attend, the logit gradients in
//     LogProbGrad) round their operands to the type of the other operand.
//   - Batch invariance: the order of additions of an output element depends on the operation
//     and on its own reduction length, never on other rows, tiles, chunks or workers.
//   - Operands are checked for shape by panicking: a wrong shape is a mistake of the program.
//     What fails outside the program (a lost device) panics with a *Fault.
//
// Outputs come first, then inputs, then sizes; gradients are d and the name. "acc" adds to the
// output instead of overwriting it; weight gradients always add.
package kernels

import "spell/tensor"

// A Backend runs the operations. Its methods are called from one goroutine at a time.
type Backend interface {
	// Name returns the backend and the instruction set in use, such as "cpu (avx512)".
	Name() string
	// Alloc maps an arena in the backend's memory. The name appears in messages.
	Alloc(name string, bytes int) (*tensor.Arena, error)
	// Close stops the backend's workers. Arenas stay with their owners.
	Close() error

	// Write copies raw little-endian elements of dst.Type from the host; dst is contiguous.
	Write(dst tensor.Mat, src []byte)
	// Read copies raw little-endian elements of src.Type to the host; src is contiguous.
	Read(dst []byte, src tensor.Mat)
	// Zero sets dst[i][j] = 0.
	Zero(dst tensor.Mat)
	// Copy sets dst[i][j] = src[i][j], rounded to dst.Type, which is not I8, M8 or V8.
	Copy(dst, src tensor.Mat)
	// Scale sets y[i][j] = factor*x[i][j], rounded to y.Type. y may be x.
	Scale(y, x tensor.Mat, factor float64)
	// Quantize fills q, of type I8, from w in runs of tensor.Int8Run columns. The scale s of a run
	// is the largest |w[i][j]| divided by 127 in f32, and q[i][j] is w[i][j]/s rounded to the
	// nearest integer, ties to even. A run with s < Int8Least has scale and integers 0. A run with
	// an element that is not finite reads as NaN. No other operation writes such a matrix, and only
	// Gather (table), Copy (src), and as w MatMul, LogProb, GroupMatMul, MatMulGradX, LogProbGrad
	// and GroupMatMulGradX read it: everything else refuses it. They compute the same bits as with
	// the elements in a matrix of F32.
	Quantize(q, w tensor.Mat)

	// Gather sets y[i] = table[rows[i]]: the embedding, and the choice of the rows that reach the
	// head.
	Gather(y, table tensor.Mat, rows []int32)
	// Scatter sets table[rows[i]] = y[i], rounded to table.Type: how K and V enter the cache. The
	// rows are distinct.
	Scatter(table, y tensor.Mat, rows []int32)
	// ScatterAdd adds, for i in order, dtable[rows[i]] += dy[i].
	ScatterAdd(dtable, dy tensor.Mat, rows []int32)

	// RMSNorm sets y[i] = x[i] * w / sqrt(mean(x[i]²) + eps); w is [1, cols].
	RMSNorm(y, x, w tensor.Mat, eps float64)
	// RMSNormGrad adds, with r = 1/sqrt(mean(x[i]²)+eps) and g = dy[i]*w,
	// dx[i] += r*g - x[i]*r³*mean(g*x[i]) and, unless dw is zero, dw += Σᵢ dy[i]*x[i]*r.
	RMSNormGrad(dx, dw, dy, x, w tensor.Mat, eps float64)

	// MatMul sets y[i][o] (+)= Σₖ x[i][k]*w[o][k] + bias[o], with w as Hugging Face stores it,
	// [out, in], and bias [1, out] or zero.
	MatMul(y, x, w, bias tensor.Mat, acc bool)
	// MatMulGradX sets dx[i][k] (+)= Σₒ dy[i][o]*w[o][k].
	MatMulGradX(dx, dy, w tensor.Mat, acc bool)
	// MatMulGradW adds dw[o][k] += Σᵢ dy[i][o]*x[i][k] and, unless db is zero, db[o] += Σᵢ
	// dy[i][o].
	MatMulGradW(dw, db, dy, x tensor.Mat)

	// GroupMatMul is MatMul with weights of its own for every group of rows, as the experts of a
	// mixture have them. Rows [ends[e-1], ends[e]) form group e, w [len(ends)*n, in] stacks the
	// weights, and y[i][o] = Σₖ x[i][k]*w[e*n+o][k] for o < n.
	GroupMatMul(y, x, w tensor.Mat, ends []int32)
	// GroupMatMulGradX sets dx[i][k] (+)= Σₒ dy[i][o]*w[e*n+o][k].
	GroupMatMulGradX(dx, dy, w tensor.Mat, ends []int32, acc bool)
	// GroupMatMulGradW adds dw[e*n+o][k] += Σᵢ dy[i][o]*x[i][k] over the rows i of group e.
	GroupMatMulGradW(dw, dy, x tensor.Mat, ends []int32)

	// Route chooses experts for each row from logits [rows, experts]. With p = softmax(logits[i])
	// it sets ids[i*k+r], r < k = weights.Cols, to the expert with the r-th largest logit, the
	// lowest of equals, and weights[i][r] = p[ids[i*k+r]], divided by the sum of the row's weights
	// if normalize. NaN ranks last.
	Route(ids []int32, weights, logits tensor.Mat, normalize bool)
	// RouteGrad sets dlogits from the gradient of the weights; ids and weights are what Route left.
	// With c = Σᵣ dweights[i][r]*weights[i][r] and the same p, dlogits[i][j] = q*(d-c), where q is
	// p[j], or weights[i][r] if normalize, and d is dweights[i][r] if expert j is of rank r. For an
	// expert that was not chosen d is 0, and so is q if normalize.
	RouteGrad(dlogits, dweights, weights, logits tensor.Mat, ids []int32, normalize bool)
	// GatherAdd adds y[i] += Σᵣ x[rows[i*k+r]], the sum over r < k = len(rows)/y.Rows formed first,
	// in order: how the outputs of a token's experts come together. Its gradient is Gather.
	GatherAdd(y, x tensor.Mat, rows []int32)

	// RopeTable fills cs [len(pos), r.Dim]: cs[i][j] = cos(pos[i]*r.InvFreq[j])*r.Scale for j <
	// r.Dim/2, and the sine of the same angle at j + r.Dim/2.
	RopeTable(cs tensor.Mat, pos []int32, r Rotary)
	// Rope rotates every head h of every row, pairing component j with j + d/2 (d = cs.Cols,
	// columns h*d…): with c, s of cs[i], y[j] = x[j]*c[j] - x[j+d/2]*s[j] and
	// y[j+d/2] = x[j+d/2]*c[j] + x[j]*s[j]. inverse, the gradient, rotates back (s negated). y may
	// be x.
	Rope(y, x, cs tensor.Mat, inverse bool)

	// Attend computes softmax attention over the key spans of each query; see Attention. With
	// z[n] = Scale * q·k[n] over the keys that row i sees, it sets lse[i][h] = log Σₙ exp(z[n]) and
	// o[i] = Σₙ exp(z[n]-lse) * v[n] for each head h, whose keys and values are those of key-value
	// head h/(Heads/KVHeads), in the order that Query describes. lse may be zero.
	Attend(o, lse, q, k, v tensor.Mat, a *Attention)
	// AttendGrad computes, with p[n] = exp(z[n]-lse), D = do·o and ds[n] = p[n]*(do·v[n]-D)*Scale,
	// dq[i] = Σₙ ds[n]*k[n]; dk[n] += Σ ds[n]*q[i]; dv[n] += Σ p[n]*do[i]. Each sum is one chain, dq
	// over keys and dk and dv over queries, in order: with lse given there is nothing to rescale.
	AttendGrad(dq, dk, dv, do, o, lse, q, k, v tensor.Mat, a *Attention)

	// SwiGLU sets y = gate/(1+exp(-gate)) * up, element by element.
	SwiGLU(y, gate, up tensor.Mat)
	// SwiGLUGrad sets, with s = 1/(1+exp(-gate)), dgate = dy*up*s*(1+gate*(1-s)); dup = dy*gate*s.
	SwiGLUGrad(dgate, dup, dy, gate, up tensor.Mat)

	// ScaledSwiGLU sets y[i][j] = scale[i] * gate/(1+exp(-gate)) * up; scale is [rows, 1].
	ScaledSwiGLU(y, gate, up, scale tensor.Mat)
	// ScaledSwiGLUGrad sets dgate and dup as SwiGLUGrad does for scale[i]*dy, and dscale[i] =
	// Σⱼ dy[i][j] * gate/(1+exp(-gate)) * up.
	ScaledSwiGLUGrad(dgate, dup, dscale, dy, gate, up, scale tensor.Mat)

	// LogProb scores one target per row without forming the logits z[j] = x[i]·w[j]: with p =
	// softmax(z*invTemp[i]), stats[i] = (log p[targets[i]], -Σ p log p, log Σ exp(z*invTemp[i])).
	// stats is [rows, 3]. The sum over the vocabulary runs in tiles of VocabTile.
	LogProb(stats, x, w tensor.Mat, targets []int32, invTemp []float32)
	// LogProbGrad computes the gradient of Σᵢ coefLogp[i]*logp[i] + coefEntropy[i]*entropy[i]. With
	// dz[j] = invTemp[i]*(coefLogp[i]*(1[j=target]-p[j]) - coefEntropy[i]*p[j]*(log
	// p[j]+entropy[i])) it sets dx[i] = Σⱼ dz[j]*w[j] and, unless dw is zero, adds dw[j] += Σᵢ
	// dz[j]*x[i]. stats is what LogProb left.
	LogProbGrad(dx, dw, stats, x, w tensor.Mat, targets []int32, invTemp, coefLogp, coefEntropy []float32)
	// Sample draws one id per row from softmax(logits/Temperature) cut to TopK and TopP. It sets
	// logp to the log-probability of the id over the whole vocabulary before the cuts, equal bit
	// for bit to what LogProb gives for it.
	Sample(ids []int32, logp []float32, logits tensor.Mat, how []Sampling)

	// SumSquares returns Σ m[i][j]², summed in f64 in a fixed order.
	SumSquares(m tensor.Mat) float64
	// AdamW takes one step of Loshchilov & Hutter (2019), with g = grad*GradScale:
	// m = β₁m + (1-β₁)g; v = β₂v + (1-β₂)g²; master -= LR*(m̂/(sqrt(v̂)+ε) + WeightDecay*master); w
	// = master rounded to w.Type. The master may be w itself. m may be BF16 or M8, v BF16 or V8,
	// each rounded at random after the step has used it: see Noise. A run of M8 or V8 with an
	// element that is not finite then reads as NaN.
	AdamW(w, master, m, v, grad tensor.Mat, s AdamStep)
}

// Int8Least is the smallest scale of an I8 matrix other than 0: smaller scales, near the end of
// f32's range, which processors may flush to 0, become 0.
const Int8Least = 0x1p-96

// VocabTile is the number of vocabulary columns whose exponentials LogProb and Sample sum
// before they merge them into a row's running maximum and sum.
const VocabTile = 512

// A Rotary describes rotary position embeddings (Su et al. 2021).
type Rotary struct {
	Dim     int       // head dimension, even
	InvFreq []float64 // Dim/2 angular frequencies, radians per position
	Scale   float64   // factor on cosine and sine: YaRN's attention factor, else 1
}

// Attention describes one call of Attend: q is [rows, Heads*Dim], k and v are
// [keys, KVHeads*Dim]. Dim is any number; multiples of 16 are fastest.
type Attention struct {
	Heads, KVHeads, Dim int
	Scale               float64 // positive
	Window              int32   // a row sees only the last Window keys of those its mask shows it; 0: all
	Queries             []Query
}

// A Query is the query rows [Row, Row+Len) with the key spans they attend to, laid end to end. The
// mask is causal, aligned at the end: the last row sees every key, row i of them sees all but the
// last Len-1-i, and of those, under a window, the last Window.
//
// The keys of a span lie in blocks of KeyBlock from its start on, the last one shorter. A query's
// blocks, whether a row sees them or not, are counted over all its spans from the first on: each
// RunBlocks make a run. For a row and a head Attend computes, over the keys n that the row sees,
//
//	M, L, O := -Inf, 0, 0
//	for each run {
//		m, l, o := -Inf, 0, 0
//		for each block of the run {
//			top := max(m, largest z[n])
//			l = l*exp(m-top) + Σₙ exp(z[n]-top)
//			o = o*exp(m-top) + Σₙ exp(z[n]-top)*v[n]
//			m = top
//		}
//		top := max(M, m)
//		L = L*exp(M-top) + l*exp(m-top)
//		O = O*exp(M-top) + o*exp(m-top)
//		M = top
//	}
//	lse, o = M+log(L), O/L
//
// Blocks and runs of which the row sees nothing are left out, and the first run is not merged: it is
// M, L and O. Runs need nothing of each other, so they may be computed apart, as flash-decoding does,
// and shared by all rows that see the same of them. A row has the same bits alone and among others,
// over one long span and over pages of a multiple of KeyBlock keys, without a window and with one
// that hides nothing.
type Query struct {
	Row, Len int32
	Spans    []Span
}

// KeyBlock is the number of keys of a block, and RunBlocks that of blocks of a run: see Query.
const (
	KeyBlock  = 64
	RunBlocks = 8
)

// A Span is the rows [Row, Row+Len) of k and v.
type Span struct{ Row, Len int32 }

// Blocks returns the number of blocks that the keys of s lie in.
func (s Span) Blocks() int { return (int(s.Len) + KeyBlock - 1) / KeyBlock }

// Hidden returns how many keys a window hides from a row whose mask shows it seen keys.
func (a *Attention) Hidden(seen int) int {
	if a.Window == 0 {
		return 0
	}
	return max(0, seen-int(a.Window))
}

// Keys returns the number of keys in all spans.
func (q Query) Keys() int {
	n := 0
	for _, s := range q.Spans {
		n += int(s.Len)
	}
	return n
}

// Sampling says how to draw one token. Temperature 0 takes the most likely id, the lowest of
// equals, and records its log-probability at temperature 1. TopK keeps the TopK most likely ids; of
// these, TopP keeps the fewest whose share of the probability reaches it. TopP ≥ 1 and TopK ≤ 0 cut
// nothing.
type Sampling struct {
	Temperature float32
	TopP        float32
	TopK        int
	U           float64 // the random number in [0, 1)
}

// AdamStep holds the numbers of one AdamW update. Step counts from 1, for bias correction.
type AdamStep struct {
	LR, Beta1, Beta2, Eps, WeightDecay, GradScale float64
	Step                                          int
	Seed                                          uint64 // rounds moments that are not F32; another in each step
}

// A Fault is what an operation panics with when the machine failed, not the program.
type Fault struct{ Err error }

// Error returns the message of the cause.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }
