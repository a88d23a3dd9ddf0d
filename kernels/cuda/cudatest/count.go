//go:build cuda && cgo && linux

package cudatest

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
//
// static int ask(const char *library, const char *function, const char *of, long long *answer) {
//   void *l = dlopen(library, RTLD_NOW | RTLD_LOCAL);
//   if (!l) return 0;
//   long long (*f)(const char *);
//   if ((*(void **)&f = dlsym(l, function))) *answer = f(of);
//   dlclose(l);
//   return f != NULL;
// }
import "C"

import (
	"os"
	"testing"
	"unsafe"
)

// Calls returns how many calls of an entry point of the driver there have been since a backend was last opened.
func Calls(tb testing.TB, entry string) int {
	tb.Helper()
	return ask(tb, "emulator_calls", entry)
}

// Launches returns how often this process has launched a kernel on the device.
func Launches(tb testing.TB, kernel string) int {
	tb.Helper()
	return ask(tb, "emulator_launches", kernel)
}

// A Count is what kernels did: operations of tensor cores, and bytes of the device's memory that they asked for.
type Count struct{ Tensor, Read, Written int }

// Counted returns what kernels did in f. Bytes are counted if the device is checked.
func Counted(tb testing.TB, f func()) Count {
	tb.Helper()
	now := func() Count {
		return Count{ask(tb, "emulator_counts", "tensor"), ask(tb, "emulator_counts", "read"),
			ask(tb, "emulator_counts", "written")}
	}
	before := now()
	f()
	after := now()
	return Count{after.Tensor - before.Tensor, after.Read - before.Read, after.Written - before.Written}
}

// Left returns how much there is that the driver was asked for and has not been given back.
func Left(tb testing.TB) int {
	tb.Helper()
	return ask(tb, "emulator_left", "")
}

// ask calls a function of the emulated device's library.
func ask(tb testing.TB, function, of string) int {
	tb.Helper()
	var list [3]*C.char
	for i, s := range []string{os.Getenv("SPELL_CUDA_DRIVER"), function, of} {
		list[i] = C.CString(s)
		defer C.free(unsafe.Pointer(list[i]))
	}
	var answer C.longlong
	if C.ask(list[0], list[1], list[2], &answer) == 0 {
		tb.Fatalf("%s has no %s: it is no emulated device", os.Getenv("SPELL_CUDA_DRIVER"), function)
	}
	return int(answer)
}
