//go:build cuda && cgo && linux

package cuda

// #include <stdlib.h>
// #include "nvrtc.h"
import "C"

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"spell/tensor/atomicfile"
)

// compilerNames are what NVRTC is called and where it lies, in the order of trial.
var compilerNames = []string{
	"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so",
	"/usr/local/cuda/lib64/libnvrtc.so", "/usr/local/nvidia/lib64/libnvrtc.so",
}

// A compiler is NVRTC for one architecture.
type compiler struct {
	n            *C.nvrtc
	architecture string
	version      string
}

// openCompiler loads NVRTC, from the path if one is given.
func openCompiler(path string, capability int) (*compiler, error) {
	if path == "" {
		path = os.Getenv("SPELL_NVRTC")
	}
	names := compilerNames
	if path != "" {
		names = []string{path}
	}
	c := &compiler{architecture: architecture(capability)}
	var why string
	for _, name := range names {
		var major, minor C.int
		s := C.CString(name)
		message := C.nvrtc_load(&c.n, s, &major, &minor)
		C.free(unsafe.Pointer(s))
		if message == nil {
			c.version = fmt.Sprintf("%d.%d", major, minor)
			return c, nil
		}
		if why == "" {
			why = C.GoString(message)
		}
	}
	return nil, fmt.Errorf("NVRTC, which compiles the kernels, cannot be loaded: %s; install CUDA's runtime compiler "+
		"(package cuda-nvrtc, libnvrtc or nvidia-cuda-nvrtc), or name the library in SPELL_NVRTC", why)
}

// architecture returns what kernels are compiled for. An sm_90 has products by warpgroups only as sm_90a.
func architecture(capability int) string {
	if capability == hopper {
		return "sm_90a"
	}
	return fmt.Sprintf("sm_%d", capability)
}

func (c *compiler) close() { C.nvrtc_close(c.n) }

// options are the compiler's, beside the architecture. Nothing is contracted that the source does not.
func (c *compiler) options() []string {
	return []string{"--gpu-architecture=" + c.architecture, "--std=c++17", "--fmad=false", "-default-device"}
}

// image returns a file of kernels compiled, from the cache if it is there.
func (c *compiler) image(file, cache string) ([]byte, error) {
	path, err := c.cached(file, cache)
	if err == nil {
		if image, err := os.ReadFile(path); err == nil && len(image) > 0 {
			return image, nil
		}
	}
	image, log, compileErr := c.compile(file)
	if compileErr != nil {
		return nil, fmt.Errorf("%w\n%s", compileErr, log)
	}
	if err == nil && os.MkdirAll(filepath.Dir(path), 0o777) == nil {
		// Without a cache kernels are compiled in every run.
		_ = atomicfile.Write(path, func(w io.Writer) error { _, err := w.Write(image); return err })
	}
	return image, nil
}

var errNoCache = errors.New("no cache is wanted")

// cached returns where a file of kernels is kept: named by all that it is compiled from.
func (c *compiler) cached(file, folder string) (string, error) {
	if folder == "none" {
		return "", errNoCache
	}
	if folder == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		folder = filepath.Join(user, "spell", "cuda")
	}
	text, headers, names := source(file)
	h := sha256.New()
	for _, s := range append(append(append(headers, names...), text, c.version), c.options()...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	name := fmt.Sprintf("%s-%s-%.12x.cubin", strings.TrimSuffix(file, ".cu"), c.architecture, h.Sum(nil))
	return filepath.Join(folder, name), nil
}

// compile compiles a file of kernels and returns what the compiler says.
func (c *compiler) compile(file string, more ...string) (image []byte, log string, err error) {
	text, headers, names := source(file)
	var free []unsafe.Pointer
	defer func() {
		for _, p := range free {
			C.free(p)
		}
	}()
	array := func(list []string) **C.char {
		a := C.malloc(C.size_t(len(list)+1) * C.size_t(unsafe.Sizeof(uintptr(0))))
		free = append(free, a)
		for i, s := range list {
			p := C.CString(s)
			free = append(free, unsafe.Pointer(p))
			unsafe.Slice((**C.char)(a), len(list))[i] = p
		}
		return (**C.char)(a)
	}
	options := append(c.options(), more...)
	one := unsafe.Slice(array([]string{file, text}), 2)
	var out, said *C.char
	var size C.size_t
	code := C.nvrtc_compile(c.n, one[0], one[1], C.int(len(names)), array(headers), array(names), C.int(len(options)),
		array(options), &out, &size, &said)
	free = append(free, unsafe.Pointer(out), unsafe.Pointer(said))
	if said != nil {
		log = strings.TrimSpace(C.GoString(said))
	}
	if code != 0 || out == nil {
		return nil, log, fmt.Errorf("NVRTC %s failed to compile %s for %s: %s", c.version, file, c.architecture,
			C.GoString(C.nvrtc_explain(c.n, code)))
	}
	return C.GoBytes(unsafe.Pointer(out), C.int(size)), log, nil
}
