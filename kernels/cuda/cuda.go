// Package cuda is the backend for NVIDIA GPUs of compute capability 8.0 and later, in builds with the
// tag cuda and cgo on Linux. It needs nothing but gcc to build: the driver and NVRTC are found at run
// time, and kernels are compiled for the device at their first use.
//
// Kernels are C++ without headers, in the files *.cu. All that is not C++ is in layer.h, which exists
// twice: for a device, and for the emulated device of the tests (testdata/emu), on which the same
// sources run, behind a libcuda.so.1 of its own, on every machine. There tensor cores compute what
// those of an H100 do, bit for bit, and every access to memory is checked for races and bounds.
//
// Operations append launches to a list, which the device gets when the host needs an answer or the
// list is long. Lists of rows and the like travel with it in one copy. A list of launches that comes again is
// one call of the driver.
//
// The order of additions of an output element follows from the operation and its own reduction length,
// not from which kernel takes it: README.md lists the orders, and the kernels. Warps multiply by mma.sync
// or, on an sm_90, warpgroups by wgmma, whichever is faster: a probe has seen that the bits of this device
// are the same (probe.go). So may cublasLt, if there is one.
package cuda

import "errors"

// Options choose libraries and the place for compiled kernels. The zero value finds them.
type Options struct {
	Driver   string // the path of libcuda.so.1
	Compiler string // the path of NVRTC, libnvrtc.so
	Cache    string // a folder, or "none"; empty: spell/cuda in the user's folder for caches

	// Slab is the bytes of matrices in the host's memory that the device gets at a time; 0: as many as are fast. The
	// results have the same bits.
	Slab int

	// Plain takes, of several kernels for an operation, the one for all shapes, never cublasLt, and starts
	// them one by one. It is for tests: the results have the same bits.
	Plain bool
}

// An absence is the error of a machine without a GPU, or of a program that can use none.
type absence struct{ error }

// IsAbsent reports whether an error of Open says that there is no GPU, rather than why one cannot be
// used.
func IsAbsent(err error) bool {
	var a absence
	return errors.As(err, &a)
}
