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
