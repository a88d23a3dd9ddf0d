package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/bench/tool"
)

func TestParseFlags(t *testing.T) {
	const line = "-models qwen3-4b -layers 1 -rows lora/int8,full/f32/int8 -recompute=false"
	o, err := parseFlags(strings.Fields(line), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	plan := o.plan("qwen3-4b")
	if len(plan) != 2 || plan[0].name() != "lora/int8" || plan[1].name() != "full/f32/int8" || plan[0].Layers != 1 ||
		plan[1].Recompute || plan[1].Prompt != o.sizes.Prompt {
		t.Errorf("the rows are %+v", plan)
	}
	if o, err = parseFlags(nil, io.Discard); err != nil || len(o.models) != 4 || len(o.plan("x")) != len(ways) ||
		!o.sizes.Recompute {
		t.Errorf("by default %+v, %v; want four models, all rows, recomputing", o, err)
	}
	for _, c := range []struct{ args, want string }{
		{"-models gpt-2", `"gpt-2" is none of`},
		{"-rows lora", `"lora" is none of`},
		{"-answers 1", "-answers 2"},
		{"more", `unexpected argument "more"`},
	} {
		_, err := parseFlags(strings.Fields(c.args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.args, err, c.want)
		}
	}
}

// TestResults: a result that was added is read again, and its row is not measured anew.
func TestResults(t *testing.T) {
	o := options{models: []string{"qwen3-4b"}, layers: 2, rows: []string{"score/f32"}, sizes: sizes{Prompt: 99},
		dir: filepath.Join(t.TempDir(), "none"), out: filepath.Join(t.TempDir(), "results.jsonl")}
	res := result{row: o.plan("qwen3-4b")[0], Tokens: 99, Seconds: 2.5, Planned: 2048, Resident: 1946}
	if list, err := tool.Results[result](o.out); err != nil || list != nil {
		t.Errorf("there are %v, %v; want none", list, err)
	}
	if err := tool.Add(o.out, &res); err != nil {
		t.Fatal(err)
	}
	if list, err := tool.Results[result](o.out); err != nil || !slices.Equal(list, []result{res}) {
		t.Errorf("there are %+v, %v; want %+v", list, err, res)
	}
	if err := o.run(t.Context()); err != nil { // nothing is to be made
		t.Error(err)
	}
	if _, err := os.Stat(o.dir); err == nil {
		t.Error("a row that has a result was measured")
	}
	var out bytes.Buffer
	table(&out, []result{res})
	const want = "| qwen3-4b, 2 layers, score/f32 |     99 |     2.5 |         2.00 |          1.90 | 0.950 |\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("the table is\n%s", &out)
	}
	if err := os.WriteFile(o.out, []byte("{}\nnot\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := tool.Results[result](o.out); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken line: %v", err)
	}
}
