package main

import (
	"math"
	"strings"
	"testing"

	"spell/kernels/cpu"
	"spell/tensor"
)

// TestChecks accepts right results of every form and type, and no wrong ones.
func TestChecks(t *testing.T) {
	k, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for _, s := range []shape{{"NN", 7, 35, 45}, {"NT", 7, 35, 45}, {"TN", 7, 35, 45}} {
		for _, typ := range []tensor.DType{tensor.F32, tensor.BF16} {
			p, err := newProblem(k, s, typ)
			if err != nil {
				t.Fatal(err)
			}
			defer p.free()
			all := append(ours(k, p), gonumEngines(p)...)
			if err := p.checkOurs(all[0]); err != nil {
				t.Error(err)
			}
			for _, e := range all {
				if err := p.checkPeer(e); err != nil {
					t.Error(err)
				}
			}
			c := tensor.Elems[float32](p.c)
			for what, spoil := range map[string]func(){
				"one element off": func() { all[0].run(); c[7*45-1] += .1 },
				"not a number":    func() { all[0].run(); c[3] = float32(math.NaN()) },
				"nothing":         func() {},
				"twice":           func() { all[0].run(); double(c) },
			} {
				err := p.checkPeer(&engine{name: "peer", run: spoil})
				if err == nil || !strings.Contains(err.Error(), s.String()) {
					t.Errorf("%v %v, %s: error %v, want one that names the shape", typ, s, what, err)
				}
			}
			p.truth = nil
			if err := p.checkOurs(&engine{run: func() { all[0].run(); double(c) }}); err == nil {
				t.Errorf("%v %v: twice the product passes for ours", typ, s)
			}
		}
	}
}

func double(v []float32) {
	for i := range v {
		v[i] *= 2
	}
}
