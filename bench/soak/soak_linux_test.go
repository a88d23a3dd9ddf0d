package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"spell/bench/rounds"
	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/hf"
	"spell/model/nano"
	"spell/rl/corpus/world"
	"spell/rl/journal"
	"spell/rl/runner"
	"spell/rl/spell"
	"spell/tokenizer/chat"
)

var steps = flag.Int("steps", 12, "steps of TestSoak; the first five may still grow")

func init() { runtime.MemProfileRate = 1 << 16 } // an allocation of a megabyte escapes it once in ten million times

// settled is the number of steps after which memory stays.
const settled = 5

// TestSoak: self-play, whose lengths are as ragged as the model makes them, with transcripts and
// checkpoints, keeps its memory: what is resident stays, the heap is small, and nothing large is
// allocated after the first step.
//
//	go test ./bench/soak -v -timeout 1h -args -steps 300
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	c := spell.Small()
	c.Questions, c.Draw, c.VerifierGroups, c.Checkpoint, c.Steps = 6, 12, 4, 4, *steps
	k, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() }) // after the weights are freed
	m := embedded(t, k)
	docs, err := world.NewCorpus(1, 100, world.Options{Docs: 32, Chains: true})
	if err != nil {
		t.Fatal(err)
	}
	run, err := spell.New(context.Background(), c, m, &docs.Corpus, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Free()
	out := t.TempDir()
	logs := journal.New(out)
	var resident, heap []float64
	var first map[[32]uintptr]large
	for range c.Steps {
		rep, err := run.Step(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		wrote := logs.Append(runner.TranscriptFile, rep.Transcript...)
		if err := errors.Join(wrote, logs.Append(runner.MetricsFile, rep.Metrics)); err != nil {
			t.Fatal(err)
		}
		if done, _ := run.Steps(); done%c.Checkpoint == 0 {
			state, err := run.State()
			if err == nil {
				err = run.Trainer().Save(out, done, c.Keep, state, m.Text.Save)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		debug.FreeOSMemory() // what is resident is in use then, however much garbage the heap held
		resident, heap = append(resident, rounds.Resident()), append(heap, float64(m.HeapInuse)/(1<<20))
		if first == nil {
			first = allocations()
		}
	}
	t.Logf("after each step, MiB: resident and anonymous %.0f; heap %.0f", resident, heap)
	if most := slices.Max(heap); most > 200 {
		t.Errorf("the heap grew to %.0f MiB", most)
	}
	for stack, a := range allocations() {
		if n := a.objects - first[stack].objects; n > 0 && a.size > 1<<20 {
			t.Errorf("%d allocations of %.1f MiB after the first step:\n%s", n, float64(a.size)/(1<<20), trace(stack))
		}
	}
	if len(resident) <= settled {
		return
	}
	if least, most := slices.Min(resident[settled:]), slices.Max(resident[settled:]); most > 1.05*least+8 {
		t.Errorf("resident memory goes from %.0f to %.0f MiB after step %d", least, most, settled)
	}
}

// embedded returns the embedded base, to be trained.
func embedded(t *testing.T, k kernels.Backend) runner.Model {
	t.Helper()
	base := t.TempDir()
	if err := nano.Extract(nano.World, base); err != nil {
		t.Fatal(err)
	}
	w, err := hf.Load(k, base, model.F32, model.Training)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	text, err := chat.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	return runner.Model{Backend: k, Weights: w, Text: text}
}

// large is what was allocated from one place in one size.
type large struct{ objects, size int64 }

// allocations returns what the profile has seen so far. A record has one size; that of records
// with one stack is the largest.
func allocations() map[[32]uintptr]large {
	runtime.GC()
	runtime.GC() // the profile is complete up to the collection before the last
	n, ok := runtime.MemProfile(records[:], true)
	if !ok {
		panic("more stacks than records")
	}
	all := map[[32]uintptr]large{}
	for _, r := range records[:n] {
		size := r.AllocBytes / max(r.AllocObjects, 1)
		if size > 1<<20 {
			a := all[r.Stack0]
			all[r.Stack0] = large{a.objects + r.AllocObjects, max(a.size, size)}
		}
	}
	return all
}

var records [1 << 13]runtime.MemProfileRecord

// trace names the callers, innermost first.
func trace(stack [32]uintptr) string {
	n := slices.Index(stack[:], 0)
	if n < 0 {
		n = len(stack)
	}
	var s strings.Builder
	for frames := runtime.CallersFrames(stack[:n]); ; {
		f, more := frames.Next()
		fmt.Fprintf(&s, "\t%s:%d\n", f.Function, f.Line)
		if !more {
			return s.String()
		}
	}
}
