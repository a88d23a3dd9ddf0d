package main

import (
	"fmt"
	"strings"
)

// A shape is a product C = op(A)·op(B) with C [m, n] and k reduction steps. form says which of A
// and B are stored transposed: NN, NT or TN.
type shape struct {
	form    string
	m, k, n int
}

func (s shape) String() string { return fmt.Sprintf("%s %dx%dx%d", s.form, s.m, s.k, s.n) }

// flops counts multiplications and additions.
func (s shape) flops() float64 { return 2 * float64(s.m) * float64(s.n) * float64(s.k) }

// operands are the rows and columns of A and B as stored.
func (s shape) operands() (a, b [2]int) {
	a, b = [2]int{s.m, s.k}, [2]int{s.k, s.n}
	if s.form == "TN" {
		a = [2]int{s.k, s.m}
	}
	if s.form == "NT" {
		b = [2]int{s.n, s.k}
	}
	return a, b
}

// shapes are squares and the layers of models of half a billion to a billion parameters: one row
// (generating), a few, a prompt, a batch; 151936 is a vocabulary.
var shapes = []shape{
	{"NN", 256, 256, 256}, {"NN", 512, 512, 512}, {"NN", 1024, 1024, 1024}, {"NN", 2048, 2048, 2048},
	{"NN", 1, 896, 4864}, {"NN", 8, 896, 4864}, {"NN", 128, 896, 4864},
	{"NN", 512, 896, 896}, {"NN", 2048, 1024, 3072}, {"NN", 2048, 3072, 1024},
	{"NT", 1, 896, 4864}, {"NT", 1, 896, 151936}, {"NT", 8, 896, 4864}, {"NT", 128, 896, 4864},
	{"NT", 512, 896, 896}, {"NT", 1024, 1024, 1024}, {"NT", 2048, 1024, 3072},
	{"TN", 512, 512, 512}, {"TN", 1024, 1024, 1024}, {"TN", 1024, 2048, 3072}, {"TN", 896, 512, 4864},
}

// matching is the shapes whose names contain the filter; "default" is all.
func matching(filter string) []shape {
	if filter == "default" {
		return shapes
	}
	var some []shape
	for _, s := range shapes {
		if strings.Contains(s.String(), filter) {
			some = append(some, s)
		}
	}
	return some
}

func names(shapes []shape) []string {
	var all []string
	for _, s := range shapes {
		all = append(all, s.String())
	}
	return all
}
