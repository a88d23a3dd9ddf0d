package cpu

import (
	"math"
	"testing"
)

// ulps returns the distance of got from want in units of the last place of an f32 of that size.
func ulps(got float32, want float64) float64 {
	if g := float64(got); g == want || math.IsInf(g, 0) && math.Abs(want) >= math.MaxFloat32 && (g > 0) == (want > 0) {
		return 0
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

// strided calls f with blocks of floats of both signs whose size runs from lo to hi, every
// stride-th of them and the ends.
func strided(lo, hi float32, stride uint32, f func(x []float32)) {
	var x []float32
	for _, sign := range []uint32{0, 1 << 31} {
		for b := math.Float32bits(lo); ; b += stride {
			b = min(b, math.Float32bits(hi))
			x = append(x, math.Float32frombits(b|sign))
			if len(x) == 4096 || b == math.Float32bits(hi) {
				f(x)
				x = x[:0]
			}
			if b == math.Float32bits(hi) {
				break
			}
		}
	}
}

// A worst is the largest error seen and where.
type worst struct{ ulps, at float64 }

func (w *worst) see(at, ulps float64) {
	if !(ulps <= w.ulps) { // a NaN counts
		w.ulps, w.at = ulps, at
	}
}

// TestAccuracy measures the functions that the kernels compute themselves against f64 and holds
// them to what their comments state.
func TestAccuracy(t *testing.T) {
	stride := uint32(997)
	if testing.Short() {
		stride = 9973
	}
	for _, s := range append(assembly(), generic) {
		var exp, tiny, silu, slope worst
		strided(0x1p-30, 110, stride, func(x []float32) {
			p, y, one := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
			dg, du := make([]float32, len(x)), make([]float32, len(x))
			for i := range one {
				one[i] = 1
			}
			s.expSum(p, x, 0)
			s.swiglu(y, x, one)
			s.swigluGrad(dg, du, one, x, one)
			for i, v := range x {
				g := float64(v)
				if want := math.Exp(g); want >= 0x1p-126 {
					exp.see(g, ulps(p[i], want))
				} else {
					tiny.see(g, ulps(p[i], want))
				}
				sigmoid := 1 / (1 + math.Exp(-g))
				if g >= -88 {
					silu.see(g, ulps(y[i], g*sigmoid))
				} else if math.Abs(float64(y[i])) > 0x1p-120 {
					t.Errorf("%v: silu(%g) is %g", s, g, y[i])
				}
				slope.see(g, math.Abs(float64(dg[i])-sigmoid*(1+g*(1-sigmoid)))*0x1p24)
			}
		})
		t.Logf("%v: exp %.3f ulp at %g, below the normal numbers %.3f at %g; silu %.3f at %g; "+
			"its derivative %.2f × 2⁻²⁴ at %g",
			s, exp.ulps, exp.at, tiny.ulps, tiny.at, silu.ulps, silu.at, slope.ulps, slope.at)
		for _, c := range []struct {
			name  string
			worst worst
			limit float64
		}{{"exp", exp, .95}, {"exp below the normal numbers", tiny, .95}, {"silu", silu, 2.4},
			{"the derivative of silu, in 2⁻²⁴", slope, 17}} {
			if !(c.worst.ulps <= c.limit) {
				t.Errorf("%v: %s is off by %.3f ulp at %g, more than %g", s, c.name, c.worst.ulps, c.worst.at, c.limit)
			}
		}
	}
	var log worst
	strided(0x1p-20, 1e9, stride, func(x []float32) {
		for _, v := range x {
			if v > 0 {
				log.see(float64(v), ulps(logSum(0, v), math.Log(float64(v))))
			}
		}
	})
	if !(log.ulps <= .501) {
		t.Errorf("log is off by %.3f ulp at %g", log.ulps, log.at)
	}
}
