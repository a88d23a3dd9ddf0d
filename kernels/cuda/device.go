//go:build cuda && cgo && linux

package cuda

// #cgo CFLAGS: -std=c11 -Wall -Wextra
// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"
)

// driverNames are what the driver's library is called, in the order of trial.
var driverNames = []string{"libcuda.so.1", "libcuda.so"}

// leastCapability is the compute capability that the kernels need: tensor cores that multiply bf16, and
// asynchronous copies.
const leastCapability = 80

// noDevice is CUDA_ERROR_NO_DEVICE.
const noDevice = 100

// A device is a GPU with its stream of work.
type device struct {
	c      *C.cuda
	about  C.device
	recent []string // kernels started since the host last waited for the device, each once
}

// openDevice opens the first device that CUDA_VISIBLE_DEVICES leaves.
func openDevice(driver string) (*device, error) {
	d := &device{}
	if err := d.load(driver); err != nil {
		return nil, err
	}
	var count C.int
	o := C.cuda_start(d.c, 0, &count, &d.about)
	err := d.failure(o, "")
	switch {
	case o.code != 0 && o.code != noDevice:
	case o.code == noDevice || count == 0:
		err = absence{errors.New("the NVIDIA driver finds no GPU: see nvidia-smi and CUDA_VISIBLE_DEVICES")}
	case d.capability() < leastCapability:
		err = fmt.Errorf("%s has compute capability %d.%d; the kernels need %d.%d, an Ampere GPU or a newer one",
			d.name(), d.about.major, d.about.minor, leastCapability/10, leastCapability%10)
	default:
		return d, nil
	}
	C.cuda_close(d.c)
	return nil, err
}

// load loads the driver, from the path if one is given.
func (d *device) load(path string) error {
	if path == "" {
		path = os.Getenv("SPELL_CUDA_DRIVER")
	}
	names := driverNames
	if path != "" {
		names = []string{path}
	}
	var why error
	for _, name := range names {
		s := C.CString(name)
		message := C.cuda_load(&d.c, s)
		C.free(unsafe.Pointer(s))
		if message == nil {
			return nil
		}
		if why == nil {
			why = absence{fmt.Errorf("the NVIDIA driver cannot be loaded: %s", C.GoString(message))}
		}
	}
	return why
}

// name returns the device's name.
func (d *device) name() string { return C.GoString(&d.about.name[0]) }

// capability returns the compute capability, 90 for 9.0.
func (d *device) capability() int { return int(d.about.major)*10 + int(d.about.minor) }

// gpu returns what of the device sizes depend on.
func (d *device) gpu() gpu {
	return gpu{multiprocessors: int(d.about.multiprocessors), warpgroups: d.hasWarpgroups()}
}

// failure returns the error of a call of the driver, nil if there is none, with what the call was for.
func (d *device) failure(o C.outcome, format string, args ...any) error {
	if o.code == 0 {
		return nil
	}
	call := C.GoString(o.call)
	if format != "" {
		call += " " + fmt.Sprintf(format, args...)
	}
	if strings.HasPrefix(call, "cublasLt") { // whose codes are others
		return fmt.Errorf("%s failed with the status %d", call, o.code)
	}
	var name, sentence *C.char
	C.cuda_explain(d.c, o.code, &name, &sentence)
	if name == nil || sentence == nil {
		return fmt.Errorf("%s failed with the error %d", call, o.code)
	}
	return fmt.Errorf("%s failed: %s (%s)", call, C.GoString(sentence), C.GoString(name))
}

// close gives the device back.
func (d *device) close() error { return d.failure(C.cuda_close(d.c), "") }

// free returns the bytes that are not in use.
func (d *device) free() (int, error) {
	var bytes C.size_t
	err := d.failure(C.cuda_free_memory(d.c, &bytes), "")
	return int(bytes), err
}

// alloc allocates memory of the device.
func (d *device) alloc(bytes int, what string) (uint64, error) {
	var address C.uint64_t
	err := d.failure(C.cuda_alloc(d.c, C.size_t(bytes), &address), "of %d bytes for %s", bytes, what)
	return uint64(address), err
}

// release frees what alloc returned.
func (d *device) release(address uint64) error {
	return d.failure(C.cuda_free(d.c, C.uint64_t(address)), "")
}

// upload copies to the device, in the order of its stream. src may be overwritten at once.
func (d *device) upload(dst uint64, src []byte) error {
	return d.failure(C.cuda_upload(d.c, C.uint64_t(dst), unsafe.Pointer(unsafe.SliceData(src)), C.size_t(len(src))),
		"of %d bytes", len(src))
}

// download waits for the device and copies from it.
func (d *device) download(dst []byte, src uint64) error {
	return d.waited(C.cuda_download(d.c, unsafe.Pointer(unsafe.SliceData(dst)), C.uint64_t(src), C.size_t(len(dst))),
		"of %d bytes", len(dst))
}

// synchronize waits for the device.
func (d *device) synchronize() error { return d.waited(C.cuda_synchronize(d.c, nil), "") }

// waited returns the error of a call that has waited for the device, with the kernels that may have
// caused it.
func (d *device) waited(o C.outcome, format string, args ...any) error {
	err := d.failure(o, format, args...)
	if err != nil && len(d.recent) > 0 {
		err = fmt.Errorf("%w; kernels since the device was last waited for: %v; with CUDA_LAUNCH_BLOCKING=1 the "+
			"one at fault is named", err, d.recent)
	}
	d.recent = d.recent[:0]
	return err
}

// module loads compiled kernels.
func (d *device) module(image []byte) (unsafe.Pointer, error) {
	var m unsafe.Pointer
	err := d.failure(C.cuda_module(d.c, unsafe.Pointer(unsafe.SliceData(image)), &m), "of %d bytes", len(image))
	return m, err
}

// unload frees what module returned.
func (d *device) unload(m unsafe.Pointer) error { return d.failure(C.cuda_free_module(d.c, m), "") }

// function finds a kernel that takes up to shared bytes of shared memory.
func (d *device) function(m unsafe.Pointer, name string, shared int) (unsafe.Pointer, error) {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	var f unsafe.Pointer
	err := d.failure(C.cuda_function(d.c, m, s, C.uint(shared), &f), "of %s with %d bytes of shared memory", name,
		shared)
	return f, err
}
