//go:build cgo && unix

package main

/*
#include <errno.h>
#include <fcntl.h>

static int output_closed;

// Go's runtime opens /dev/null in the place of a closed standard output before main. Only C runs
// earlier.
__attribute__((constructor)) static void look_at_output(void) {
	output_closed = fcntl(1, F_GETFD) == -1 && errno == EBADF;
}

static int was_output_closed(void) { return output_closed; }
*/
import "C"

// outputClosed reports whether the program was started without a standard output.
func outputClosed() bool { return C.was_output_closed() != 0 }
