//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"spell/kernels"
	"spell/tensor"
)

// A Backend implements kernels.Backend on a GPU.
type Backend struct {
	device    *device
	compiler  *compiler
	options   Options
	modules   map[string]unsafe.Pointer // by file
	functions map[*entry]unsafe.Pointer // that have been launched
	queue     queue
	graphs    graphs
	library   *library // nil: there is none
	scratch   scratch
	maps      map[box]tensorMap
	agreement map[string]bool // of kernels for products with those that they stand for
	stage     stage
	noise     *tensor.Arena // the words of kernels.Noise, once AdamW needs them
	arenas    int           // that have not been freed; the last one gives the device back after Close
	closed    bool

	leastTiles int         // of a product whose kernel has large tiles: as many as there are multiprocessors
	passOver   func() bool // whether a product leaves a kernel that could take it to others: in tests, never else
}

var (
	_ kernels.Backend       = (*Backend)(nil)
	_ kernels.Describer     = (*Backend)(nil)
	_ kernels.DeviceMemory  = (*Backend)(nil)
	_ kernels.HostAllocator = (*Backend)(nil)
)

// Open is New, as every build has it.
func Open(o Options) (kernels.Backend, error) {
	b, err := New(o)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// New opens the first device that CUDA_VISIBLE_DEVICES leaves. Its errors say what is missing: a
// driver, a device, a newer device, NVRTC.
func New(o Options) (*Backend, error) {
	d, err := openDevice(o.Driver)
	if err != nil {
		return nil, err
	}
	c, err := openCompiler(o.Compiler, d.capability())
	if err != nil {
		d.close()
		return nil, err
	}
	b := &Backend{device: d, compiler: c, options: o, modules: map[string]unsafe.Pointer{},
		functions: map[*entry]unsafe.Pointer{}, maps: map[box]tensorMap{}, agreement: map[string]bool{},
		graphs: newGraphs(d, o), leastTiles: int(d.about.multiprocessors),
		passOver: func() bool { return false }}
	for i := range b.queue.payloads {
		if err := b.allocPayload(&b.queue.payloads[i], leastPayload); err != nil {
			b.Close()
			return nil, err
		}
	}
	if !o.Plain {
		b.library = openLibrary(d)
	}
	return b, nil
}

// Name returns "cuda (NVIDIA H200)", with the name of the device.
func (b *Backend) Name() string { return fmt.Sprintf("cuda (%s)", b.device.name()) }

// Describe returns the device, its memory, the versions of the libraries, what products are computed by and
// whether there are graphs, in one line.
func (b *Backend) Describe() (string, error) {
	free, err := b.device.free()
	if err != nil {
		return "", err
	}
	var products string
	if err := fault(func() { products = b.Products() }); err != nil {
		return "", err
	}
	a := &b.device.about
	return fmt.Sprintf("%s, compute capability %d.%d, %d multiprocessors, %s of memory, %s free; driver for "+
		"CUDA %d.%d, NVRTC %s; %s; %s", b.device.name(), a.major, a.minor, a.multiprocessors, mebibytes(int(a.memory)),
		mebibytes(free), a.driver/1000, a.driver%1000/10, b.compiler.version, products, b.graphs.describe()), nil
}

// FreeBytes returns the bytes of the device that are not in use; the driver's context is.
func (b *Backend) FreeBytes() (int, error) { return b.device.free() }

// OverheadBytes estimates what the driver takes from now on.
func (b *Backend) OverheadBytes() int { return overheadBytes }

// DeviceBytes returns the most that operations take beside arenas.
func (b *Backend) DeviceBytes(s kernels.Sizes) (scratch, lists int) {
	return b.device.gpu().scratchBytes(s), b.device.gpu().listBytes(s)
}

// Close frees what the backend holds, and gives the device back when there is no arena left.
func (b *Backend) Close() error {
	b.queue.launches = nil
	err := b.device.synchronize()
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	keep(b.freeGraphs())
	keep(b.closeLibrary())
	if b.noise != nil {
		keep(b.noise.Free())
	}
	keep(b.stage.free(b.device))
	keep(b.scratch.free(b.device))
	for i := range b.queue.payloads {
		keep(b.freePayload(&b.queue.payloads[i]))
	}
	for _, m := range b.modules {
		keep(b.device.unload(m))
	}
	b.compiler.close()
	b.closed = true
	keep(b.leave())
	return err
}

// leave gives the device back if nothing needs it any more.
func (b *Backend) leave() error {
	if !b.closed || b.arenas > 0 {
		return nil
	}
	return b.device.close()
}

// Alloc allocates memory of the device. An error says how much there is.
func (b *Backend) Alloc(name string, bytes int) (*tensor.Arena, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("arena %s: negative size %d", name, bytes)
	}
	size := max(bytes, tensor.Align)
	address, err := b.device.alloc(size, name)
	if err != nil {
		if free, e := b.device.free(); e == nil && free < size {
			return nil, fmt.Errorf("%s has %s free of %s, too little for the %s of %s (%w): use a smaller model, "+
				"--precision bf16 or int8, or shorter prompts or passes", b.device.name(), mebibytes(free),
				mebibytes(int(b.device.about.memory)), mebibytes(size), name, err)
		}
		return nil, err
	}
	b.arenas++
	return tensor.NewArena(name, size, nil, uintptr(address), func() error {
		var err error
		if !b.closed {
			err = errors.Join(fault(b.flush), b.freeGraphs()) // what still reads it
		}
		b.arenas--
		return errors.Join(err, b.device.release(address), b.leave())
	}), nil
}

func mebibytes(n int) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// Write copies raw little-endian elements of dst.Type from the host; dst is contiguous.
func (b *Backend) Write(dst tensor.Mat, src []byte) {
	kernels.Check("Write", dst.Contiguous(), "%v has gaps between its rows", dst)
	kernels.Check("Write", len(src) == dst.Len()*dst.Type.Size(), "%d bytes for %v", len(src), dst)
	switch {
	case len(src) == 0:
	case onHost(dst):
		b.settle()
		copy(hostBytes(dst), src)
	default:
		b.flush()
		b.must(b.device.upload(address(dst), src))
	}
}

// Read copies raw little-endian elements of src.Type to the host; src is contiguous.
func (b *Backend) Read(dst []byte, src tensor.Mat) {
	kernels.Check("Read", src.Contiguous(), "%v has gaps between its rows", src)
	kernels.Check("Read", len(dst) == src.Len()*src.Type.Size(), "%d bytes for %v", len(dst), src)
	switch {
	case len(dst) == 0:
	case onHost(src):
		b.settle()
		copy(dst, hostBytes(src))
	default:
		b.fetch(dst, address(src))
	}
}

// fetch copies from the device what the operations so far leave there. It ends an operation.
func (b *Backend) fetch(dst []byte, src uint64) {
	b.flush()
	b.must(b.device.download(dst, src))
	b.queue.rewind()
}

// A scratch is memory of the device that the launches of one operation share. It grows as needed.
type scratch struct {
	address uint64
	size    int
}

func (s *scratch) free(d *device) error {
	if s.size == 0 {
		return nil
	}
	s.size = 0
	return d.release(s.address)
}

// scratchOf returns the addresses of arrays of that many bytes for the launches of one operation.
func (b *Backend) scratchOf(sizes ...int) []uint64 {
	places, total := laid(sizes...)
	if s := &b.scratch; total > s.size {
		b.flush()
		b.must(b.device.synchronize())
		b.must(b.freeGraphs())
		b.must(s.free(b.device))
		address, err := b.device.alloc(grown(total), "scratch")
		b.must(err)
		*s = scratch{address, grown(total)}
	}
	at := make([]uint64, len(sizes))
	for i := range at {
		at[i] = b.scratch.address + uint64(places[i])
	}
	return at
}
