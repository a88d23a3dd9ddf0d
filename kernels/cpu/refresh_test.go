package cpu

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/tensor"
)

// A packRig is a backend and an arena of parameters, and the types of their moments.
type packRig struct {
	*rig
	params  *tensor.Arena
	moments [2]tensor.DType
}

func newPackRig(t *testing.T, opts Options) *packRig {
	r := &packRig{rig: newRig(t, opts)}
	var err error
	if r.params, err = r.b.Alloc("params", 1<<23); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.params.Free() })
	return r
}

// param returns a random matrix whose rows lie gap elements apart.
func (r *packRig) param(typ tensor.DType, rows, cols, gap int) tensor.Mat {
	m := r.params.New(typ, rows, cols+gap)
	v := make([]float32, m.Len())
	for i := range v {
		v[i] = float32(r.rng.NormFloat64())
	}
	kernels.Upload(r.b, m, v)
	return m.ColSlice(0, cols)
}

// use multiplies by w twice, after which it has a pack.
func (r *packRig) use(w tensor.Mat) *pack {
	mark := r.got.Mark()
	defer r.got.Release(mark)
	x, y := r.got.New(w.Type, 2, w.Cols), r.got.New(tensor.F32, 2, w.Rows)
	r.b.Zero(x)
	for range 2 {
		r.b.MatMul(y, x, w, tensor.Mat{}, false)
	}
	return r.b.arenas[w.Arena].packs[keyOf(w)]
}

// step runs AdamW on w, with moments of 0.
func (r *packRig) step(w tensor.Mat) {
	mark, params := r.got.Mark(), r.params.Mark()
	defer r.got.Release(mark)
	defer r.params.Release(params)
	state := func(t tensor.DType) tensor.Mat {
		m := r.params.New(t, w.Rows, w.Cols)
		clear(m.Arena.Host[m.Off*t.Size() : m.Arena.Used()])
		return m
	}
	m, v, master := state(r.moments[0]), state(r.moments[1]), w
	if w.Type != tensor.F32 {
		master = state(tensor.F32)
		r.b.Copy(master, w)
	}
	grad := r.mat(tensor.F32, w.Rows, w.Cols, 0, 1).got
	r.b.AdamW(w, master, m, v, grad, kernels.AdamStep{LR: .1, Beta1: .9, Beta2: .9, Eps: 1e-8, GradScale: 1, Step: 1})
}

// holds reports whether the pack has the contents of w.
func holds(p *pack, w tensor.Mat) (ok bool) {
	defer func() { ok = recover() == nil }()
	p.mustHold(w)
	return
}

// TestRefreshedPacks checks that AdamW writes the packs of its matrix and of slices of it, where
// they are in use, and leaves no other pack fresh that it made wrong.
func TestRefreshedPacks(t *testing.T) {
	eachISA(t, func(t *testing.T, opts Options) {
		for i, typ := range slices.Concat(types, types) {
			var moments [2]tensor.DType
			if i >= len(types) {
				moments = [2]tensor.DType{tensor.M8, tensor.V8}
			}
			streaming := 0
			if opts.Workers == 1 {
				streaming = 1 << 40
			}
			for _, shape := range [][3]int{{40, 24, 0}, {100, 300, 0}, {33, 4200, 0}, {7, 17, 3}, {70, 130, 16}} {
				r := newPackRig(t, opts)
				r.b.streamBytes, r.moments = streaming, moments
				w, other := r.param(typ, shape[0], shape[1], shape[2]), r.param(typ, 40, 30, 0)
				top, rest := w.Slice(0, 3), w.Slice(3, w.Rows)
				columns := w.ColSlice(1, 9)
				what := fmt.Sprintf("%v, past from %d", w, streaming)
				pw, po := r.use(w), r.use(other)
				pt, pr, pc := r.use(top), r.use(rest), r.use(columns)
				before := elems(w)
				r.step(w)
				if slices.Equal(before, elems(w)) {
					t.Fatalf("%s: nothing was updated", what)
				}
				if !po.fresh || !holds(po, other) {
					t.Errorf("%s: the pack of another matrix is stale", what)
				}
				if pc.fresh {
					t.Errorf("%s: a pack of columns stayed fresh", what)
				}
				fresh := 0
				for _, c := range []struct {
					p *pack
					w tensor.Mat
				}{{pw, w}, {pt, top}, {pr, rest}} {
					if c.p.fresh {
						fresh++
						if !holds(c.p, c.w) {
							t.Errorf("%s: the pack of %v was written wrong", what, c.w)
						}
					}
				}
				if fresh == 0 || pw.fresh && fresh > 1 {
					t.Errorf("%s: %d packs are fresh", what, fresh)
				}
				r.step(w) // nothing has read a pack since
				if pw.fresh || pt.fresh || pr.fresh {
					t.Errorf("%s: a pack that nothing reads was written again", what)
				}
				if p := r.use(rest); !p.fresh || !holds(p, rest) {
					t.Errorf("%s: the pack of %v was not made again", what, rest)
				}
				r.step(top)
				if !pr.fresh {
					t.Errorf("%s: the pack of %v is stale after a step of %v", what, rest, top)
				}
				r.step(rest.Slice(1, rest.Rows))
				if pr.fresh {
					t.Errorf("%s: the pack of %v is fresh after a step of a part", what, rest)
				}
			}
		}
	})
}

// TestPackValidity checks which packs each way of writing parameters makes stale.
func TestPackValidity(t *testing.T) {
	r := newPackRig(t, Options{Workers: 2})
	a, b := r.param(tensor.F32, 40, 24, 0), r.param(tensor.F32, 40, 24, 0)
	other, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, c := range []struct {
		name string
		do   func()
		a, b bool // still fresh
	}{
		{"Write", func() { kernels.Upload(r.b, a.Slice(39, 40), make([]float32, 24)) }, false, true},
		{"Zero", func() { r.b.Zero(b.ColSlice(23, 24)) }, true, false},
		{"Copy", func() { r.b.Copy(a.Slice(0, 1), b.Slice(0, 1)) }, false, true},
		{"AdamW of one row", func() { r.step(b.Slice(0, 1)) }, true, false},
		{"AdamW", func() { r.step(a) }, true, true},
		{"Zero of nothing", func() { r.b.Zero(a.Slice(3, 3)) }, true, true},
		{"Touch", func() { r.params.Touch() }, false, false},
		{"another backend", func() { other.Zero(a) }, false, false},
	} {
		pa, pb := r.use(a), r.use(b)
		if !pa.fresh || !pb.fresh {
			t.Fatalf("before %s: no packs", c.name)
		}
		c.do()
		r.b.state(r.params).touched(r.params)
		if pa.fresh != c.a || pb.fresh != c.b {
			t.Errorf("after %s the packs are fresh: %v and %v, want %v and %v", c.name, pa.fresh, pb.fresh, c.a, c.b)
		}
		for _, w := range []tensor.Mat{a, b} {
			if p := r.use(w); !holds(p, w) {
				t.Errorf("after %s the pack in use does not hold %v", c.name, w)
			}
		}
	}
}

// TestInvariants changes parameters behind the backend's back: a build with the tag invariants
// panics at the next product, others use the pack that they have.
func TestInvariants(t *testing.T) {
	r := newPackRig(t, Options{Workers: 1})
	w := r.param(tensor.F32, 40, 24, 0)
	p := r.use(w)
	if !holds(p, w) {
		t.Fatal("a pack just made does not hold its matrix")
	}
	tensor.Elems[float32](w)[30*24+5]++
	if holds(p, w) {
		t.Fatal("the change went unnoticed")
	}
	var said string
	func() {
		defer func() {
			if v := recover(); v != nil {
				said = fmt.Sprint(v)
			}
		}()
		r.use(w)
	}()
	if invariants && !(strings.Contains(said, "row 30, column 5") && strings.Contains(said, "Arena.Touch")) {
		t.Errorf("the product of a stale pack said %q", said)
	}
	if !invariants && said != "" {
		t.Errorf("without the tag the product said %q", said)
	}
	r.params.Touch()
	if p := r.use(w); !holds(p, w) {
		t.Error("the pack is stale after Touch")
	}
}
