// Package budget says before a run starts what it takes: memory part by part, the time of a step and of
// the whole run, and disk. A run that takes more memory than there is gets settings with which it would
// fit; nothing later asks how much is free.
//
// What a run takes the program says itself, run on a backend without memory. A recipe makes the Plan and
// offers Knobs, the settings that bound memory; Fit finds the smallest changes of them.
package budget

import (
	"spell/kernels/tally"
	"spell/model"
)

// A Plan is what a run takes.
type Plan struct {
	Items []Item
	Disk  Disk
	Steps int // of the run; 0 if that is known once the data is encoded

	// Shape is what to measure a machine's rates by, and Clock returns the time at rates. Clock is nil if
	// the recipe cannot tell.
	Shape tally.Shape
	Clock func(tally.Rates) (*Times, error)
}

// An Item is memory that a run takes.
type Item struct {
	model.MemoryItem
	Owner  string // what it is for
	Since  Stage  // when it is first touched: memory that was only mapped costs nothing
	Turns  bool   // it lies in memory that owners use in turns
	Mapped bool   // an arena, known to the byte; else an upper bound or, of the program, an estimate
}

// program is the owner of memory outside of arenas.
const program = "program"

// Estimated reports whether the size is no more than an estimate: that of the program itself.
func (it *Item) Estimated() bool { return it.Owner == program }

// TypeName returns the type of the numbers in the memory; of the program, which holds others too,
// "".
func (it *Item) TypeName() string {
	if it.Estimated() {
		return ""
	}
	return it.Type.String()
}

// A Stage of a run takes memory that later ones keep.
type Stage int

// The stages: everything is there once the first update was made.
const (
	Loading Stage = iota
	Generating
	Updating
	Stages
)

func (s Stage) String() string { return [...]string{"load", "generate", "update"}[s] }

// Add adds memory for an owner.
func (p *Plan) Add(owner string, since Stage, mapped bool, parts ...model.MemoryItem) {
	for _, part := range parts {
		if part.Bytes > 0 {
			p.Items = append(p.Items, Item{MemoryItem: part, Owner: owner, Since: since, Mapped: mapped})
		}
	}
}

// AddTurns adds arenas for an owner that lie in the memory of others who are added so, too.
func (p *Plan) AddTurns(owner string, since Stage, parts ...model.MemoryItem) {
	for _, part := range parts {
		p.Items = append(p.Items, Item{MemoryItem: part, Owner: owner, Since: since, Mapped: true, Turns: true})
	}
}

// AddModel adds weights and what trains them.
func (p *Plan) AddModel(w *model.Weights) {
	for _, part := range w.Memory() {
		since := Loading
		if part.Updated() {
			since = Updating
		}
		p.Add("model", since, true, part)
	}
}

// AddProgram adds the estimate of Program, and that of so many bytes of the heap beside.
func (p *Plan) AddProgram(vocab int, texts int64, heap int) {
	it := Program(vocab, texts)
	it.Bytes += heap
	p.Add(program, Loading, false, it)
}

// Bytes returns what the run holds at most in the first step up to a stage.
func (p *Plan) Bytes(s Stage) int { return p.Sum(func(it *Item) bool { return it.Since <= s }) }

// Sum returns what the items that are counted take together: of owners that take turns the largest.
func (p *Plan) Sum(counted func(*Item) bool) int {
	n, turns := 0, map[string]int{}
	for i := range p.Items {
		it := &p.Items[i]
		switch {
		case !counted(it):
		case it.Turns:
			turns[it.Owner] += it.Bytes
		default:
			n += it.Bytes
		}
	}
	most := 0
	for _, bytes := range turns {
		most = max(most, bytes)
	}
	return n + most
}

// Total returns what the run holds from the second step on.
func (p *Plan) Total() int { return p.Bytes(Stages - 1) }

// Disk is what a run writes into its folder.
type Disk struct {
	Checkpoint int64 // bytes of each
	Keep       int   // how many stay; one more is there while it is written
	Logs       int64 // bytes of transcript and metrics of the whole run, about
}

// Total returns the most bytes that are there at once.
func (d Disk) Total() int64 { return d.Checkpoint*int64(d.Keep+1) + d.Logs }

// Times are what a run takes at a machine's rates.
type Times struct {
	Phases []Phase // of a step
	Tests  float64 // seconds of all measurements before, between and after the steps
	Steps  int
}

// A Phase is a part of a step.
type Phase struct {
	Name   string
	Tokens int
	Work   tally.Work
}

// Step returns the seconds of a step.
func (t *Times) Step() float64 {
	sum := 0.0
	for _, p := range t.Phases {
		sum += p.Work.Seconds
	}
	return sum
}

// Run returns the seconds of the whole run.
func (t *Times) Run() float64 { return float64(t.Steps)*t.Step() + t.Tests }
