package kernels

import "spell/tensor"

// Turns is memory that several owners use in turns, such as what generates and what trains: each finds
// there whatever another has left.
type Turns struct {
	b      Backend
	name   string
	size   int
	arenas []placed
	memory *tensor.Arena // nil before Map
}

// A placed arena begins at a byte of the memory.
type placed struct {
	*tensor.Arena
	at int
}

// NewTurns returns memory of b that is mapped by Map.
func NewTurns(b Backend, name string) *Turns { return &Turns{b: b, name: name} }

// Owner returns the backend for another owner: arenas that it allocates before Map lie in the memory,
// from its start on, and can be used once Map has mapped it; those of later are the owner's alone. The
// optional interfaces of the backend are not passed on.
func (t *Turns) Owner() Backend { return &owner{Backend: t.b, turns: t} }

type owner struct {
	Backend
	turns *Turns
	used  int
}

// Alloc returns an arena in the memory.
func (o *owner) Alloc(name string, bytes int) (*tensor.Arena, error) {
	t := o.turns
	if t.memory != nil {
		return o.Backend.Alloc(name, bytes)
	}
	a := tensor.NewArena(name, bytes, nil, 0, nil)
	t.arenas = append(t.arenas, placed{a, o.used})
	o.used += (bytes + tensor.Align - 1) / tensor.Align * tensor.Align
	t.size = max(t.size, o.used)
	return a, nil
}

// Map maps as much memory as the largest owner takes.
func (t *Turns) Map() (err error) {
	if t.memory, err = t.b.Alloc(t.name, t.size); err != nil {
		return err
	}
	for _, a := range t.arenas {
		a.Move(t.memory, a.at)
	}
	return nil
}

// Free unmaps the memory. The arenas in it must not be used any more.
func (t *Turns) Free() {
	if t.memory == nil {
		return
	}
	for _, a := range t.arenas {
		a.Host, a.Device = nil, 0
	}
	t.memory.Free()
}
