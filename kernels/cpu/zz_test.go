package cpu

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"spell/kernels"
	"spell/tensor"
)

func cpuNow() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

func best(f func()) time.Duration {
	b := time.Hour
	f()
	t0 := time.Now()
	for i := 0; i < 8 || time.Since(t0) < 400*time.Millisecond; i++ {
		t := cpuNow()
		f()
		b = min(b, cpuNow()-t)
	}
	return b
}

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	runtime.LockOSThread()
	bb := &testing.B{}
	_ = bb
	k, _ := New(Options{Workers: 1})
	pk := 0.0
	for range 20 {
		d := best1(func() { k.isa.peak(50000) })
		pk = max(pk, 50000*peakFlops/d.Seconds()/1e9)
	}
	fmt.Printf("peak %.1f\n", pk)
	params, _ := k.Alloc("p", 1<<28)
	rest, _ := k.Alloc("r", 1<<28)
	r := &bench{k, params, rest}
	for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
		for _, s := range [][3]int{{100, 128, 128}, {800, 128, 352}, {800, 352, 128}, {96, 352, 128}, {128, 896, 4864}, {8, 896, 4864}, {1, 896, 4864}, {512, 512, 512}, {1024, 1024, 1024}, {1000, 896, 896}} {
			pm, rm := params.Mark(), rest.Mark()
			m, kk, n := s[0], s[1], s[2]
			x, w, y := r.random(rest, typ, m, kk), r.random(params, typ, n, kk), r.random(rest, typ, m, n)
			dx, dw := r.random(rest, tensor.F32, m, kk), r.random(rest, tensor.F32, n, kk)
			fl := 2 * float64(m) * float64(n) * float64(kk)
			f := best(func() { k.MatMul(y, x, w, tensor.Mat{}, false) })
			gx := best(func() { k.MatMulGradX(dx, y, w, true) })
			gw := best(func() { k.MatMulGradW(dw, tensor.Mat{}, y, x) })
			fmt.Printf("%v %-18v fwd %9v %5.1f%%  gradX %9v %5.1f%%  gradW %9v %5.1f%%\n", typ, s, f, 100*fl/f.Seconds()/1e9/pk, gx, 100*fl/gx.Seconds()/1e9/pk, gw, 100*fl/gw.Seconds()/1e9/pk)
			params.Release(pm)
			rest.Release(rm)
		}
	}
}

func best1(f func()) time.Duration {
	t := cpuNow()
	f()
	return cpuNow() - t
}

var _ = kernels.KeyBlock
