// Gemm measures the matrix products of kernels/cpu side by side with other libraries:
//
//	go run -tags peers ./bench/gemm
//
// With the build tag peers (Linux, cgo and a C compiler; no headers) it looks for oneDNN, OpenBLAS
// and BLIS at run time and leaves out what it does not find; without it gonum is the only peer.
//
// The products are those of a linear layer, C = op(A)·op(B) with C [M, N] in f32 and K reduction
// steps. NT is MatMul: B holds weights [N, K]; "spell packed" keeps their packed copy between
// calls, as training and generation do, plain "spell" packs in every call. NN is MatMulGradX: B is
// [K, N]. TN is MatMulGradW: A is [K, M]; ours adds onto C where the peers overwrite it. A and B
// are f32 or bf16; gonum and the BLAS libraries know f32 alone. "oneDNN packed" has B in the layout
// of its choice, reordered before.
//
// Before timing, our result is compared with sums in float64 at sampled elements, and every
// peer's with ours at all, so that a wrong call cannot win. Then come rounds: in each,
// every engine and the two peaks (f32 fused multiply-add; VDPBF16PS where the processor has
// it) get one run of at least 20 ms after a pause and a warming run, in an order that
// rotates. A shared machine changes its pace from second to second, so only figures of one
// round are divided by each other: shares of the peak and ratios are medians over rounds of
// quotients within a round. The peak is the best of eight short runs, and the higher of the
// two where bf16 operands allow both. A ratio is ours divided by the peer that does best
// with the same operands, types and packing. Where others use the machine, a built program
// with -threads 1 may be run under "chrt -r 1", which keeps them off its core.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"

	"spell/bench/rounds"
	"spell/bench/tool"
	"spell/kernels/cpu"
	"spell/tensor"
)

// libraries are the peers that a build with the tag peers looks for at run time.
var libraries = []string{"OpenBLAS", "BLIS", "oneDNN"}

// options are the flags, checked.
type options struct {
	threads []int
	types   []tensor.DType
	shapes  []shape
	rounds  int
	json    bool
	libs    map[string]string // path by library name, where not the system's
}

func parseFlags(args []string, usage io.Writer) (options, error) {
	f := flag.NewFlagSet("gemm", flag.ContinueOnError)
	f.SetOutput(usage)
	threads := f.String("threads", "1,2", "thread counts")
	types := f.String("type", "f32,bf16", "types of A and B")
	filter := f.String("shapes", "default",
		`shapes whose name contains this, such as "TN" or "NT 512x896x896" (form MxKxN)`)
	times := f.Int("rounds", 7, "rounds of measurement")
	asJSON := f.Bool("json", false, "print JSON instead of tables")
	libs := map[string]*string{}
	for _, l := range libraries {
		libs[l] = f.String(strings.ToLower(l), "", "shared library of "+l+", instead of the system's")
	}
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	o := options{rounds: *times, json: *asJSON, libs: map[string]string{}}
	for l, path := range libs {
		o.libs[l] = *path
	}
	if o.rounds < 1 {
		return o, fmt.Errorf("-rounds %d: at least one is needed", o.rounds)
	}
	var err error
	if o.threads, err = rounds.Numbers("threads", *threads, 1024); err != nil {
		return o, err
	}
	for s := range strings.SplitSeq(*types, ",") {
		isType := func(t tensor.DType) bool { return t.String() == s }
		i := slices.IndexFunc([]tensor.DType{tensor.F32, tensor.BF16}, isType)
		if i < 0 {
			return o, fmt.Errorf("-type %s: %q is neither f32 nor bf16", *types, s)
		}
		o.types = append(o.types, []tensor.DType{tensor.F32, tensor.BF16}[i])
	}
	if o.shapes = matching(*filter); len(o.shapes) == 0 {
		return o, fmt.Errorf("-shapes %q matches none of %s", *filter, strings.Join(names(shapes), ", "))
	}
	return o, nil
}

func main() {
	tool.Main("gemm", func(args []string) error {
		o, err := parseFlags(args, os.Stderr)
		if err != nil {
			return err
		}
		var progress io.Writer = os.Stderr
		if s, e := os.Stderr.Stat(); e != nil || s.Mode()&os.ModeCharDevice == 0 {
			progress = io.Discard
		}
		return run(os.Stdout, progress, o)
	})
}

// run measures everything that o asks for and prints it.
func run(out, progress io.Writer, o options) error {
	runtime.LockOSThread() // an OpenMP runtime keeps threads and settings for each calling thread
	debug.SetGCPercent(-1) // collections happen between cases
	p := openPeers(o.libs)
	machine := fmt.Sprintf("%s, %d processors", cpuid.CPU.BrandName, runtime.NumCPU())
	r := report{Machine: machine, Rounds: o.rounds, Notes: p.notes()}
	if !o.json {
		r.writeHeader(out)
	}
	var wrong []string
	for _, threads := range o.threads {
		runtime.GOMAXPROCS(threads)
		p.setThreads(threads)
		for _, t := range o.types {
			g := group{Type: t.String(), Threads: threads}
			for i, s := range o.shapes {
				fmt.Fprintf(progress, "\r\033[K%v, %s: %d of %d, %v", t, rounds.Threads(threads), i+1, len(o.shapes), s)
				c, err := measureCase(p, s, t, threads, o.rounds)
				if err != nil {
					return err
				}
				g.Cases = append(g.Cases, c)
				for _, e := range c.Engines {
					if e.Wrong != "" {
						wrong = append(wrong, e.Wrong)
					}
				}
			}
			fmt.Fprint(progress, "\r\033[K")
			g.close()
			r.Groups = append(r.Groups, g)
			if !o.json {
				g.write(out)
			}
		}
	}
	r.summarize()
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", " ")
		if err := e.Encode(r); err != nil {
			return err
		}
	} else {
		r.writeSummary(out)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("left out for wrong results: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// measureCase checks and measures one shape in one type.
func measureCase(p *peers, s shape, t tensor.DType, threads, times int) (result, error) {
	k, err := cpu.New(cpu.Options{Workers: threads})
	if err != nil {
		return result{}, err
	}
	pr, err := newProblem(k, s, t)
	if err != nil {
		k.Close()
		return result{}, err
	}
	engines := append(ours(k, pr), gonumEngines(pr)...)
	engines = append(engines, p.engines(pr)...)
	defer func() {
		for _, e := range engines {
			e.close()
		}
		pr.free()
		k.Close()
		debug.FreeOSMemory() // packed weights of half a gigabyte
	}()
	c := result{Shape: s.String(), form: s.form}
	if err := pr.checkOurs(engines[0]); err != nil {
		return c, err
	}
	measures := []func() float64{
		func() float64 { return k.PeakFMA(threads) },
		func() float64 { return peakBF16(threads) },
	}
	var measuring []int // the engine of each measure after the peaks
	for i, e := range engines {
		m := measured{Engine: e.name, Packed: e.packed, ours: e.ours, Kernel: e.kernel, Lacks: e.lacks}
		if e.lacks == "" {
			if err := pr.checkPeer(e); err != nil {
				m.Wrong = err.Error()
			} else {
				measures = append(measures, func() float64 {
					return s.flops() / rounds.SecondsPerCall(e.run, warmup, slice) / 1e9
				})
				measuring = append(measuring, i)
			}
		}
		c.Engines = append(c.Engines, m)
	}
	rates := rounds.Schedule{Rounds: times, Pause: pause, Slow: slow, SlowRounds: slowRounds}.Interleave(measures)
	c.peaks = [2][]float64(rates[:2])
	for at, i := range measuring {
		c.Engines[i].rates = rates[2+at]
	}
	c.close(t == tensor.BF16)
	return c, nil
}

const (
	warmup     = 2 * time.Millisecond
	slice      = 20 * time.Millisecond
	pause      = 3 * time.Millisecond // threads of the engine before stop spinning
	slow       = 700 * time.Millisecond
	slowRounds = 3
)
