package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"spell/model"
)

func TestParseFlags(t *testing.T) {
	const line = "-threads 2,1 -types bf16 -shapes smollm-135m -prompts 7,9 -measures score -llama-bench a"
	o, err := parseFlags(strings.Fields(line), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.threads, []int{2, 1}) || !slices.Equal(o.types, []model.Precision{model.BF16}) ||
		len(o.shapes) != 1 || o.shapes[0].Hidden != 576 || !slices.Equal(o.prompts, []int{7, 9}) ||
		!slices.Equal(o.kinds, []string{"score"}) || o.bench != "a" || len(o.absent()) != 1 {
		t.Errorf("options %+v, want those of %s", o, line)
	}
	o, err = parseFlags(nil, io.Discard)
	if err != nil || len(o.shapes) != 2 || len(o.threads) != 2 || len(o.types) != 3 || len(o.absent()) != 2 {
		t.Errorf("by default %+v, error %v; want 2 models, 2 thread counts, 3 types, both peers absent", o, err)
	}
	for _, c := range []struct{ args, want string }{
		{"-threads 0", `"0" is not a number between 1 and 1024`},
		{"-prompts 1,x", `"x" is not a number`},
		{"-types f64", `precision "f64" is unknown`},
		{"-shapes gpt", `no model "gpt"; there are qwen2.5-0.5b, `},
		{"-measures speed", `"speed" is none of prefill, `},
		{"-answers 1", "at least 2"},
		{"-rounds 0", "at least 1"},
		{"more", `unexpected argument "more"`},
	} {
		_, err := parseFlags(strings.Fields(c.args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.args, err, c.want)
		}
	}
}

// TestMain is the peer of TestRun where it runs as one: it reads the
// model and prints what the programs print.
func TestMain(m *testing.M) {
	if os.Getenv("ENGINE_TEST_PEER") == "" {
		os.Exit(m.Run())
	}
	args := strings.Join(os.Args[1:], " ")
	switch {
	case !strings.HasPrefix(args, "-m "):
		os.Exit(m.Run())
	case os.Getenv("ENGINE_TEST_PEER") == "fails":
		fmt.Fprint(os.Stderr, "loading\nno such model\n")
		os.Exit(1)
	case strings.Contains(args, "-npl 3 -pps"):
		fmt.Print("a line\n", `{"pp": 80, "speed_pp": 50, "speed_tg": 20}`, "\n")
	case strings.Contains(args, "-n 0") || strings.Contains(args, "-p 0"):
		fmt.Print(`[{"avg_ts": 100}]`)
	}
	os.Exit(0)
}

// TestRun measures a small model beside a program that answers as
// llama.cpp does, and reads the report back.
func TestRun(t *testing.T) {
	t.Setenv("ENGINE_TEST_PEER", "answers")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := options{threads: []int{1}, types: []model.Precision{model.F32, model.BF16, model.Int8},
		rounds: 1, json: true, kinds: kinds, shapes: []shape{{"small", small}}, prompts: []int{40},
		long: 80, score: 20, answers: 3, length: 4, bench: self, batched: self}
	var out bytes.Buffer
	if err := run(&out, o); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Groups) != 3 {
		t.Fatalf("%d groups, want one a precision", len(r.Groups))
	}
	peers := map[string]number{
		"prompt of 40": 100, "one answer": 100, "prompt of 80": 50,
		"3 answers after it": 20, "one answer after it": 0, "scoring 20": 0,
	}
	for _, g := range r.Groups {
		if len(g.Results) != len(peers) {
			t.Errorf("%s: %d results, want %d", g.Type, len(g.Results), len(peers))
		}
		for _, x := range g.Results {
			rates := x.Ours > 0 && x.GFLOPS > 0 && x.GBS > 0
			if !rates || x.Peer != peers[x.Name] || x.Peer > 0 && !(x.Ratio > 0) {
				t.Errorf("%s: %+v, want rates above 0, the peer's %v, and a ratio if it has one",
					g.Type, x, peers[x.Name])
			}
		}
	}
	t.Setenv("ENGINE_TEST_PEER", "fails")
	if err := run(io.Discard, o); err == nil || !strings.HasSuffix(err.Error(), "no such model") {
		t.Errorf("a peer that fails: %v", err)
	}
}

// TestPhases cuts a call of two passes that read, two with three
// answers alive, and one with a single one.
func TestPhases(t *testing.T) {
	passes := []pass{
		{sampled: 0, seconds: 1}, {sampled: 0, seconds: 2}, {sampled: 3, seconds: 3},
		{sampled: 6, seconds: 4}, {sampled: 7, seconds: 4.25},
	}
	for i := range passes {
		passes[i].work.Seconds = float64(i)
	}
	list := phases(passes, 100)
	if want := []span{{-1, 1, 100}, {1, 3, 6}, {3, 4, 1}}; !slices.Equal(list, want) {
		t.Fatalf("got %v, want %v", list, want)
	}
	for i, want := range []float64{50, 3, 4} {
		if got := list[i].rate(passes); got != want {
			t.Errorf("%v: %v tokens a second, want %v", list[i], got, want)
		}
	}
	if c := list[1].cost(passes); c.gigabytes != 2./6 {
		t.Errorf("cost %+v, want 2/6 GB", c)
	}
}

// TestCosts: a token reads every matrix once, and multiplies each number of it once.
func TestCosts(t *testing.T) {
	w, free, err := newWeights(small, model.BF16)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	o := options{kinds: []string{"decode"}, length: 1}
	list := o.measures(small.Vocab)
	e, err := newEngine(w, list, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer e.free()
	costs, err := list[0].costs(e)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range w.Params {
		if p.Rows > 1 && p != w.Embed {
			n += p.Rows * p.Cols
		}
	}
	c, numbers := costs[0], float64(n)
	if c.flops < 2*numbers || c.flops > 2.2*numbers ||
		c.gigabytes < 2*numbers/1e9 || c.gigabytes > 2.5*numbers/1e9 {
		t.Errorf("%+v for %d numbers, want 2 to 2.2 operations and 2 to 2.5 bytes for each", c, n)
	}
}

func TestTable(t *testing.T) {
	nan := math.NaN()
	g := group{Model: "m", Type: "bf16", Threads: 2}
	g.peaks([][]float64{{100, 0, 10}, {100, 0, 10}, {100, 0, 10}})
	g.add(&measure{figures: []figure{{"prompt", false}, {"answer", true}}}, []cost{{1e9, 1}, {1e9, .5}},
		[][]float64{{50, 8}, {60, 9}, {70, 10}}, [][]float64{{25, nan}, {30, nan}, {35, nan}})
	var b strings.Builder
	g.write(&b)
	want := `
m, bf16, 2 threads; peaks: f32 FMA 100 GFLOP/s, reading 10.0 GB/s

|        | spell | llama.cpp | ratio |  share of the bound |
|--------|------:|----------:|------:|--------------------:|
| prompt |  60.0 |      30.0 |  2.00 | 60 % of 100 GFLOP/s |
| answer |   9.0 |         – |     – |   45 % of 10.0 GB/s |
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
