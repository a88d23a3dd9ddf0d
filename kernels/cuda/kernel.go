//go:build cuda && cgo && linux

package cuda

import (
	"embed"
	"fmt"
	"io/fs"
	"unsafe"
)

//go:embed layer.h mat.h moments.h int8.h rows.h exp.h product.h mma.h hopper.h wgmma.h
//go:embed heads.h attend.h attend_grad.h head.h *.cu
var sources embed.FS

// An entry is an entry point of a file of kernels.
type entry struct {
	file, name string
	threads    int // of a block
	shared     int // bytes of shared memory
	args       int // bytes of arguments
}

// A kernel is an entry whose arguments are an A, which mirrors the struct of the source.
type kernel[A any] struct{ *entry }

// entries are all kernels.
var entries []*entry

// define names a kernel.
func define[A any](file, name string, threads, shared int) *kernel[A] {
	var a A
	e := &entry{file, name, threads, shared, int(unsafe.Sizeof(a))}
	entries = append(entries, e)
	return &kernel[A]{e}
}

// function returns the loaded kernel, which is compiled at its first use.
func (b *Backend) function(e *entry) unsafe.Pointer {
	if f, ok := b.functions[e]; ok {
		return f
	}
	m, ok := b.modules[e.file]
	if !ok {
		image, err := b.compiler.image(e.file, b.options.Cache)
		b.must(err)
		m, err = b.device.module(image)
		b.must(err)
		b.modules[e.file] = m
	}
	if most := int(b.device.about.shared); e.shared > most {
		b.must(fmt.Errorf("%s needs %.1f KB of shared memory in a block, of which there are %.1f: use "+
			"--precision bf16, narrower heads, or another GPU", e.name, float64(e.shared)/1024, float64(most)/1024))
	}
	f, err := b.device.function(m, e.name, e.shared)
	b.must(err)
	b.functions[e] = f
	return f
}

// source returns the text of a file of kernels, and of the headers with their names.
func source(file string) (text string, headers, names []string) {
	read := func(name string) string {
		raw, err := sources.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("cuda: the source %s is not embedded: %v", name, err))
		}
		return string(raw)
	}
	names, err := fs.Glob(sources, "*.h")
	if err != nil {
		panic(err) // of a pattern that is wrong
	}
	for _, name := range names {
		headers = append(headers, read(name))
	}
	return read(file), headers, names
}
