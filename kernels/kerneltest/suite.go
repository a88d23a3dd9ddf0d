// Package kerneltest is the conformance suite that every backend of package kernels passes.
//
// Run compares each operation with the float64 oracle (package ref) over shapes, layouts and
// element types, and then compares the backend with itself, bit for bit: with other numbers of
// workers, with rows alone, among others, in another order and in chunks, with views of
// another stride. Every matrix lies between poisoned margins that must survive, and every
// backend runs inside Guarded. Gradients checks the oracle's own gradient operations against
// central differences.
package kerneltest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"spell/kernels"
	"spell/kernels/ref"
	"spell/tensor"
)

// Options say what the backend under test computes with.
type Options struct {
	// Types are the operand types to test; F32 and BF16 if none are given. An F64 backend is held
	// to float64 accuracy.
	Types []tensor.DType
	// Workers are the numbers of workers among which no bit may change; 1, 2, 3 and 8 if none are
	// given.
	Workers []int
	// Quick takes the cases that -short takes, for backends that are slow by design.
	Quick bool
	// Every, above 1, takes one in so many calls of operations that are compared with the oracle, by chance but the
	// same each time, and leaves out what compares attention with itself: for backends that are slower still.
	Every int
}

// arenaSize holds, in each of two arenas, every matrix of the largest case, margins and strides
// included.
const arenaSize = 32 << 20

// manyElements is more than a backend may leave to one worker; cases beyond it are for the
// others.
const manyElements = 1 << 14

// types are the element types of one round of cases.
type types struct {
	in  tensor.DType // operands of products, weights, keys and values
	out tensor.DType // what an operation hands on
	acc tensor.DType // statistics, tables, weight gradients
}

func (t types) String() string { return fmt.Sprintf("%v-%v", t.in, t.out) }

// unit returns the rounding unit of the arithmetic inside operations.
func (t types) unit() float64 { return unitOf(t.acc) }

// product returns the relative error, in rounding units, of a product inside an operation, one
// operand of which is rounded to the type of the other: units, if that is no rounding.
func (t types) product(units float64) float64 {
	if t.in == tensor.BF16 {
		return unitOf(tensor.BF16) / t.unit()
	}
	return units
}

// turn spreads expensive cases over the rounds: each round takes those of its turn.
func (t types) turn() int { return int(t.in) + int(t.out) }

// A suite is one run of the tests.
type suite struct {
	envs   []*env // one for each of Options.Workers
	oracle *env
	types  []types
	quick  bool
	every  int
	chance *rand.Rand // draws the calls that are checked, the same in every run
}

// Run tests the backends that open starts, with the given number of workers each.
func Run(t *testing.T, open func(workers int) (kernels.Backend, error), opts Options) {
	if opts.Types == nil {
		opts.Types = []tensor.DType{tensor.F32, tensor.BF16}
	}
	if opts.Workers == nil {
		opts.Workers = []int{1, 2, 3, 8}
	}
	s := &suite{quick: opts.Quick || testing.Short(), every: max(1, opts.Every),
		chance: random(opts.Every)}
	for _, n := range opts.Workers {
		b, err := open(n)
		if err != nil {
			t.Fatalf("opening the backend with %d workers: %v", n, err)
		}
		s.envs = append(s.envs, newEnv(t, Guarded(b), fmt.Sprintf("%d workers", n)))
	}
	s.oracle = newEnv(t, ref.New[float64](), "oracle")
	for _, in := range opts.Types {
		acc := tensor.F32
		if in == tensor.F64 {
			acc = tensor.F64
		}
		s.types = append(s.types, types{in, in, acc})
		if in != acc {
			s.types = append(s.types, types{in, acc, acc})
		}
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, types)
	}{
		{"Copies", s.copies},
		{"RMSNorm", s.rmsNorm},
		{"MatMul", s.matMul},
		{"GroupMatMul", s.groupMatMul},
		{"Rope", s.rope},
		{"SwiGLU", s.swiGLU},
		{"ScaledSwiGLU", s.scaledSwiGLU},
		{"Route", s.route},
		{"GatherAdd", s.gatherAdd},
		{"Attend", s.attend},
		{"AttendBits", s.attendBits},
		{"AttendRandom", s.attendRandom},
		{"AttendDeep", s.attendDeep},
		{"LogProb", s.logProb},
		{"Sample", s.sample},
		{"Int8", s.int8},
		{"Int8Gradients", s.int8Gradients},
		{"AdamW", s.adamW},
		{"Moments", s.moments},
		{"NaN", s.nan},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, ty := range s.types {
				t.Run(ty.String(), func(t *testing.T) { test.run(t, ty) })
			}
		})
	}
	t.Run("Refusals", s.refusals)
}

// random returns the seeded source of a case.
func random(seed ...int) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, v := range seed {
		h = (h ^ uint64(v)) * 1099511628211
	}
	return rand.New(rand.NewPCG(h, 0x9e3779b97f4a7c15))
}

// normal returns n draws from N(0, scale²).
func normal(r *rand.Rand, n int, scale float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = scale * r.NormFloat64()
	}
	return v
}
