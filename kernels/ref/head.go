package ref

import (
	"math"
	"slices"

	"spell/kernels"
	"spell/tensor"
)

// LogProb scores one target per row.
func (*Backend[T]) LogProb(stats, x, w tensor.Mat, targets []int32, invTemp []float32) {
	kernels.CheckHead("LogProb", stats, x, w, targets, invTemp)
	S, X, W := open[T](stats), open[T](x), weights[T](w)
	for i := range X.Rows {
		z := logits(&X, &W, i, T(invTemp[i]))
		lse := logSumExp(z)
		var h T
		for _, v := range z {
			if lp := v - lse; lp > T(math.Inf(-1)) {
				h -= exp(lp) * lp
			}
		}
		S.set(i, 0, z[targets[i]]-lse)
		S.set(i, 1, h)
		S.set(i, 2, lse)
	}
}

// LogProbGrad computes the gradient of LogProb.
func (*Backend[T]) LogProbGrad(dx, dw, stats, x, w tensor.Mat, targets []int32,
	invTemp, coefLogp, coefEntropy []float32) {
	kernels.CheckHead("LogProbGrad", stats, x, w, targets, invTemp)
	kernels.CheckHeadGrad("LogProbGrad", dx, dw, x, w, coefLogp, coefEntropy)
	DX, DW, S, X, W := open[T](dx), open[T](dw), open[T](stats), open[T](x), weights[T](w)
	sum := make([]T, x.Cols)
	for i := range X.Rows {
		z := logits(&X, &W, i, T(invTemp[i]))
		clear(sum)
		for j, v := range z {
			lp := v - S.at(i, 2)
			p := exp(lp)
			dz := -T(coefLogp[i]) * p
			if p > 0 {
				dz -= T(coefEntropy[i]) * p * (lp + S.at(i, 1))
			}
			if j == int(targets[i]) {
				dz += T(coefLogp[i])
			}
			dz = tensor.Round(x.Type, dz*T(invTemp[i]))
			for k := range X.Cols {
				sum[k] += dz * W.at(j, k)
				if !dw.IsZero() {
					DW.add(j, k, dz*X.at(i, k))
				}
			}
		}
		for k := range X.Cols {
			DX.set(i, k, sum[k])
		}
	}
}

// Sample draws one id per row.
func (*Backend[T]) Sample(ids []int32, logp []float32, logits tensor.Mat, how []kernels.Sampling) {
	kernels.Check("Sample", len(ids) == logits.Rows && len(logp) == logits.Rows && len(how) == logits.Rows,
		"%d ids, %d logps, %d settings for %v", len(ids), len(logp), len(how), logits)
	L := open[T](logits)
	for i, s := range how {
		inv := float32(1)
		if s.Temperature > 0 {
			inv = 1 / s.Temperature
		}
		z := make([]T, L.Cols)
		for j := range z {
			z[j] = L.at(i, j) * T(inv)
		}
		lse := logSumExp(z)
		ids[i] = int32(choose(z, lse, s))
		logp[i] = float32(z[ids[i]] - lse)
	}
}

// choose takes the ids from the most likely down (of equals the lower first), as many as TopK and
// TopP leave, and walks their cumulated probability to U.
func choose[T tensor.Float](z []T, lse T, s kernels.Sampling) int {
	order := make([]int, len(z))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case z[a] > z[b]:
			return -1
		case z[a] < z[b]:
			return 1
		}
		return 0
	})
	if s.Temperature <= 0 {
		return order[0]
	}
	if s.TopK > 0 && s.TopK < len(order) {
		order = order[:s.TopK]
	}
	var all, total float64
	for _, j := range order {
		all += math.Exp(float64(z[j] - lse))
	}
	for n, j := range order {
		total += math.Exp(float64(z[j] - lse))
		if s.TopP < 1 && total >= float64(s.TopP)*all {
			order = order[:n+1]
			break
		}
	}
	var c float64
	for _, j := range order {
		c += math.Exp(float64(z[j] - lse))
		if c > s.U*total {
			return j
		}
	}
	return order[len(order)-1]
}

// logits returns row i of x·wᵀ times invTemp.
func logits[T tensor.Float](x, w *mat[T], i int, invTemp T) []T {
	z := make([]T, w.Rows)
	for j := range z {
		var s T
		for k := range x.Cols {
			s += x.at(i, k) * w.at(j, k)
		}
		z[j] = s * invTemp
	}
	return z
}

// logSumExp returns log Σ exp(z).
func logSumExp[T tensor.Float](z []T) T {
	top := T(math.Inf(-1))
	for _, v := range z {
		top = max(top, v)
	}
	var sum T
	for _, v := range z {
		sum += exp(v - top)
	}
	return top + log(sum)
}
