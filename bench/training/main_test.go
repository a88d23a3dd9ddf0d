package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"spell/model"
)

func TestParseFlags(t *testing.T) {
	const line = "-models 124m -threads 2,1 -types bf16 -rounds 3 -batch 2 -python p -json"
	o, err := parseFlags(strings.Fields(line), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.sizes) != 1 || o.sizes[0].title != "124M" || o.sizes[0].batch != 2 ||
		!slices.Equal(o.threads, []int{2, 1}) || !slices.Equal(o.types, []model.Precision{model.BF16}) ||
		o.rounds != 3 || o.python != "p" || !o.json {
		t.Errorf("options %+v, want those of %s", o, line)
	}
	o, err = parseFlags(nil, io.Discard)
	if err != nil || len(o.sizes) != 2 || o.sizes[0].batch != 8 || len(o.types) != 2 || o.python != "" {
		t.Errorf("by default %+v, error %v; want two models, batches of 8, two types, no Python", o, err)
	}
	for _, c := range []struct{ args, want string }{
		{"-models 7b", `"7b" is neither 8m nor 124m`},
		{"-types int8", `"int8" is neither f32 nor bf16`},
		{"-threads 0", `"0" is not a number between 1 and 1024`},
		{"-rounds 0", "at least one round"},
		{"-loss 5", "name its Python with -python"},
		{"more", `unexpected argument "more"`},
	} {
		_, err := parseFlags(strings.Fields(c.args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.args, err, c.want)
		}
	}
}
