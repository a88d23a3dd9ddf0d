package main

import (
	"fmt"
	"strings"
)

// suffixes of function names by instruction set.
var suffixes = map[string]string{"avx512": "AVX512", "avx2": "AVX2", "neon": "NEON"}

// prototype returns the signature of k in Go, its name with a suffix.
func (k *kernel) prototype(suffix string) string {
	s := k.name + suffix + k.list(false)
	if r := k.list(true); r != "()" {
		if strings.HasPrefix(r, "(ret ") {
			r = strings.TrimSuffix(strings.TrimPrefix(r, "(ret "), ")")
		}
		s += " " + r
	}
	return s
}

// list returns the parameters or results, those of one type together.
func (k *kernel) list(results bool) string {
	var s strings.Builder
	var last string
	for _, p := range k.params {
		if p.result != results {
			continue
		}
		if s.Len() > 0 {
			if p.typ != last {
				s.WriteString(" " + last)
			}
			s.WriteString(", ")
		}
		s.WriteString(p.name)
		last = p.typ
	}
	if s.Len() > 0 {
		s.WriteString(" " + last)
	}
	return "(" + s.String() + ")"
}

// dispatch returns the Go file of a platform with the given instruction sets: the declarations of
// its assembly and the methods that choose.
func dispatch(constraint string, sets ...string) string {
	var s strings.Builder
	s.WriteString(generated + "\n//go:build " + constraint + "\n\npackage cpu\n")
	for _, k := range kernels {
		for _, set := range sets {
			fmt.Fprintf(&s, "\n//go:noescape\nfunc %s\n", k.prototype(suffixes[set]))
		}
	}
	for _, k := range kernels {
		s.WriteString("\n" + wrapped(k.name+" "+k.doc+"."))
		if len(sets) == 0 {
			fmt.Fprintf(&s, "func (isa) %s { %s }\n", k.prototype(""), k.call("Generic"))
			continue
		}
		fmt.Fprintf(&s, "func (s isa) %s {\n", k.prototype(""))
		k.sameLength(&s)
		s.WriteString("switch s {\n")
		for _, set := range sets {
			fmt.Fprintf(&s, "case %s:\n%s\n", set, k.call(suffixes[set]))
		}
		if k.returns() {
			fmt.Fprintf(&s, "}\n%s\n}\n", k.call("Generic"))
		} else {
			fmt.Fprintf(&s, "default:\n%s\n}\n}\n", k.call("Generic"))
		}
	}
	return s.String()
}

// returns reports whether k has results.
func (k *kernel) returns() bool { return k.params[len(k.params)-1].result }

// sameLength cuts all slices to the length of the first, or panics.
func (k *kernel) sameLength(s *strings.Builder) {
	if k.ownLengths {
		return
	}
	var left, right []string
	first := ""
	for _, p := range k.params {
		switch {
		case p.elem() == 0:
		case first == "":
			first = p.name
		default:
			left = append(left, p.name)
			right = append(right, fmt.Sprintf("%s[:len(%s)]", p.name, first))
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(s, "%s = %s\n", strings.Join(left, ", "), strings.Join(right, ", "))
	}
}

// call returns the call of k's function with a suffix.
func (k *kernel) call(suffix string) string {
	var args []string
	for _, p := range k.params {
		if !p.result {
			args = append(args, p.name)
		}
	}
	c := fmt.Sprintf("%s%s(%s)", k.name, suffix, strings.Join(args, ", "))
	if k.returns() {
		return "return " + c
	}
	return c
}
