//go:build cuda && cgo && linux

package cuda

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

const branch = 0x947 // BRA

// A loop is instructions that a branch at their end repeats.
type loop struct {
	from, to int // bytes of the kernel's code
	opcodes  map[int]int
}

// instructions returns how many there are.
func (l *loop) instructions() int { return (l.to - l.from) / 16 }

// mainLoop returns the loop of a kernel that multiplies: of those with the opcode that hold no other such
// loop, the one with most of it, and of several such the shortest.
func mainLoop(image []byte, kernel string, opcode int) (*loop, error) {
	raw := bytes.Clone(image)
	raw[6] = byte(elf.EV_CURRENT)
	binary.LittleEndian.PutUint32(raw[20:], uint32(elf.EV_CURRENT))
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	s := f.Section(".text." + kernel)
	if s == nil {
		return nil, fmt.Errorf("no kernel %s", kernel)
	}
	code, err := s.Data()
	if err != nil {
		return nil, err
	}
	var best *loop
	var found []*loop
	for _, l := range loopsOf(code) {
		if l.opcodes[opcode] > 0 {
			found = append(found, l)
		}
	}
	for _, l := range found {
		inner := true
		for _, o := range found {
			inner = inner && (o == l || o.from < l.from || o.to > l.to)
		}
		if inner && (best == nil || cmp.Or(l.opcodes[opcode]-best.opcodes[opcode], best.to-best.from-l.to+l.from,
			best.from-l.from) > 0) {
			best = l
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%s has no loop with the opcode %x", kernel, opcode)
	}
	return best, nil
}

// loopsOf finds the branches backwards in machine code of sm_80 and sm_90.
func loopsOf(code []byte) (list []*loop) {
	ends := map[int]*loop{} // by where they begin: of several branches there, the last one
	for at := 0; at+16 <= len(code); at += 16 {
		low, high := binary.LittleEndian.Uint64(code[at:]), binary.LittleEndian.Uint64(code[at+8:])
		if low&0xfff != branch {
			continue
		}
		// The distance, in words of four bytes, has its low eight bits at 16 and the others from 34 on.
		words := int64(low>>34|high<<30)<<16>>16<<8 | int64(low>>16&0xff)
		if to := at + 16 + int(4*words); to >= 0 && to < at && to%16 == 0 {
			ends[to] = &loop{from: to, to: at + 16}
		}
	}
	for _, l := range ends {
		l.opcodes = map[int]int{}
		for at := l.from; at < l.to; at += 16 {
			l.opcodes[int(binary.LittleEndian.Uint64(code[at:])&0xfff)]++
		}
		list = append(list, l)
	}
	return list
}
