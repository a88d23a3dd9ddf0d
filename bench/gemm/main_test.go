package main

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"spell/tensor"
)

func TestParseFlags(t *testing.T) {
	const line = "-threads 2,1 -type bf16 -shapes TN -rounds 3 -blis b.so"
	o, err := parseFlags(strings.Fields(line), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.threads, []int{2, 1}) || !slices.Equal(o.types, []tensor.DType{tensor.BF16}) ||
		len(o.shapes) != 4 || o.rounds != 3 || o.libs["BLIS"] != "b.so" || o.json {
		t.Errorf("options %+v, want those of %s", o, line)
	}
	o, err = parseFlags(nil, io.Discard)
	if err != nil || len(o.shapes) != len(shapes) || len(o.threads) != 2 || len(o.types) != 2 {
		t.Errorf("by default %+v, error %v; want all shapes, two thread counts, two types", o, err)
	}
	for _, c := range []struct{ args, want string }{
		{"-threads 0", `"0" is not a number between 1 and 1024`},
		{"-threads 1,x", `"x" is not a number`},
		{"-type f64", `"f64" is neither f32 nor bf16`},
		{"-shapes XX", "matches none of NN 256x256x256, "},
		{"-rounds 0", "at least one"},
		{"more", `unexpected argument "more"`},
		{"-nonsense", "nonsense"},
	} {
		_, err := parseFlags(strings.Fields(c.args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.args, err, c.want)
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		shape
		a, b [2]int
	}{
		{shape{"NN", 2, 3, 4}, [2]int{2, 3}, [2]int{3, 4}},
		{shape{"NT", 2, 3, 4}, [2]int{2, 3}, [2]int{4, 3}},
		{shape{"TN", 2, 3, 4}, [2]int{3, 2}, [2]int{3, 4}},
	} {
		if a, b := c.operands(); a != c.a || b != c.b {
			t.Errorf("%v: operands %v and %v, want %v and %v", c.shape, a, b, c.a, c.b)
		}
		if c.flops() != 48 {
			t.Errorf("%v: %v operations, want 48", c.shape, c.flops())
		}
	}
	if got := names(matching("NT 512x896x896")); !slices.Equal(got, []string{"NT 512x896x896"}) {
		t.Errorf("filter by a name gives %v", got)
	}
}

// TestRun measures small products of every form and reads the report back.
func TestRun(t *testing.T) {
	o := options{threads: []int{1}, types: []tensor.DType{tensor.F32, tensor.BF16}, rounds: 1, json: true,
		shapes: []shape{{"NN", 5, 33, 40}, {"NT", 5, 33, 40}, {"TN", 5, 33, 40}}}
	var out bytes.Buffer
	if err := run(&out, io.Discard, o); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Groups) != 2 {
		t.Fatalf("%d groups, want one a type", len(r.Groups))
	}
	for _, g := range r.Groups {
		if len(g.Cases) != 3 {
			t.Errorf("%s: %d cases, want one a form", g.Type, len(g.Cases))
		}
		for _, c := range g.Cases {
			for _, e := range c.Engines {
				if e.Lacks == "" && !(e.Rate > 0) {
					t.Errorf("%s, %s, %s: no rate", g.Type, c.Shape, e.Engine)
				}
			}
		}
	}
	for _, s := range r.Summary {
		if s.Type == "f32" && !(s.Geomean > 0) {
			t.Errorf("summary %+v, want a mean above 0", s)
		}
	}
}
