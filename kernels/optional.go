package kernels

import "spell/tensor"

// A Meter is a backend that can measure its machine.
type Meter interface {
	// PeakFMA returns the rate of f32 fused multiply-adds that threads threads reach together on
	// registers, in GFLOP/s; 0 if that cannot be measured.
	PeakFMA(threads int) float64
	// Bandwidth returns the rates at which threads threads together read size bytes of memory and
	// change them in place, in units of 10⁹ bytes per second. A byte that is changed counts twice.
	// Both are 0 if there is not enough memory.
	Bandwidth(threads, size int) (read, update float64)
}

// A HostMemory is a backend that takes host memory beside its arenas.
type HostMemory interface {
	// PackBytes returns the bytes of the packed copy of weights w that products read, kept from its
	// first use on.
	PackBytes(w tensor.Mat) int
	// ScratchBytes returns the most bytes of scratch that operations take on matrices of up to
	// columns columns and a vocabulary of vocab ids, gradients among them if training.
	ScratchBytes(columns, vocab int, training bool) int
}

// A Describer is a backend on a device that has more to say of it than its name.
type Describer interface {
	// Describe returns the device, its memory and the libraries in use, in one line.
	Describe() (string, error)
}

// A DeviceMemory is a backend whose arenas lie in the memory of a device, apart from the host's.
type DeviceMemory interface {
	// FreeBytes returns how many bytes of the device can be had.
	FreeBytes() (int, error)
	// OverheadBytes estimates what of those the driver takes for itself: its context, loaded kernels and the ends of
	// pages.
	OverheadBytes() int
	// DeviceBytes returns what operations on operands of those sizes take on the device: at most so much scratch, and
	// lists, which are on the host, too.
	DeviceBytes(s Sizes) (scratch, lists int)
	// StreamBytes returns what the device holds at a time of matrices that AllocHost has made room for.
	StreamBytes() int
}

// A HostAllocator is a backend on a device that can work on matrices of the host's.
type HostAllocator interface {
	// AllocHost maps an arena in the host's memory. Read, Write, Zero, Copy and AdamW take its matrices, with the same
	// bits as those of Alloc; other operations refuse them.
	AllocHost(name string, bytes int) (*tensor.Arena, error)
}

// Sizes bound the operands of a program's operations, for whoever plans what a device holds beside arenas.
type Sizes struct {
	Act                     tensor.DType // of activations
	Rows, Columns           int          // of the largest matrices of activations
	Hidden, Vocab           int          // columns and rows of the head
	Heads, KVHeads, HeadDim int
	Queries                 int // of a call of Attend
	Keys                    int // that a query sees
	Scored, Sampled         int // rows of LogProb and of Sample
	Routed                  int // rows times the experts of each, of Route
	Training                bool
	Largest                 int // elements of the largest gradient, rows rounded up to eight of them
}
