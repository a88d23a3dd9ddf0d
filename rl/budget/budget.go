// Package budget says before a run starts what it takes: memory part by part, the time of a step and of
// the whole run, and disk. A run that takes more memory than there is gets settings with which it would
// fit; nothing later asks how much is free.
//
// What a run takes the program says itself, run on a backend without memory. A recipe makes the Plan and
// offers Knobs, the settings that bound memory; Fit finds the smallest changes of them.
package budget

import (
	"spell/kernels"
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
	Mapped bool   // an arena, known to the byte; else an upper bound or, of program and driver, an estimate
	Device bool   // it lies on a device
}

// The owners of memory that the program does not ask for by the byte.
const (
	program = "program"
	driver  = "driver"
)

// Estimated reports whether the size is no more than an estimate: that of the program itself, or of the driver.
func (it *Item) Estimated() bool { return it.Owner == program || it.Owner == driver }

// TypeName returns the type of the numbers in the memory; of what holds others too, "".
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

// AddDevice puts what was added so far on the device of b, if it has one, but for what stays with the host, and adds
// what the backend holds there itself for operations on operands of any of some sizes.
func (p *Plan) AddDevice(b kernels.Backend, sizes ...kernels.Sizes) {
	d, ok := b.(kernels.DeviceMemory)
	if !ok {
		return
	}
	scratch, lists := 0, 0
	for _, s := range sizes {
		most, list := d.DeviceBytes(s)
		scratch, lists = max(scratch, most), max(lists, list)
	}
	list := model.MemoryItem{Name: "lists of rows and keys", Bytes: lists, GrowsWith: "rows × keys; an estimate"}
	p.Add("kernels", Generating, false, model.MemoryItem{Name: "scratch of kernels", Type: model.F32.Acc,
		Bytes: scratch, GrowsWith: "rows of a pass, keys, processors"})
	p.Add(driver, Loading, false, model.MemoryItem{Name: "context and kernels", Bytes: d.OverheadBytes(),
		GrowsWith: "nothing; an estimate"}, list)
	streamed := false
	for i := range p.Items {
		it := &p.Items[i]
		it.Device = !it.Host
		streamed = streamed || it.Host
	}
	if streamed {
		p.Add("kernels", Loading, true, model.MemoryItem{Name: "what the optimizer keeps, on its way",
			Type: model.F32.Acc, Bytes: d.StreamBytes(), GrowsWith: "nothing"})
		p.Items[len(p.Items)-1].Device = true
	}
	p.Add(driver, Loading, false, list)
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

// Memory returns what the run holds at most in the first step up to a stage, by where it lies.
func (p *Plan) Memory(s Stage) Memory {
	on := func(device bool) int64 {
		return int64(p.Sum(func(it *Item) bool { return it.Since <= s && it.Device == device }))
	}
	return Memory{Device: on(true), Host: on(false)}
}

// Needs returns what the run holds from the second step on, by where it lies.
func (p *Plan) Needs() Memory { return p.Memory(Stages - 1) }

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
