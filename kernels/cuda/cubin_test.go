//go:build cuda && cgo && linux

package cuda

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

// A cubinKernel is what a compiled file tells of a kernel.
type cubinKernel struct {
	registers, threads, args int
	opcodes                  map[int]int // how often each occurs
}

// Opcodes of the machine code of sm_80 and sm_90.
const (
	loadLocal, storeLocal = 0x983, 0x387 // what does not fit the registers
	tensorMultiply        = 0x23c
	loadMatrix            = 0x83b
	copyAsync             = 0xfae
	groupMultiply         = 0x9f0 // by a warpgroup
	loadBulk              = 0x5b4
)

// Attributes of the sections .nv.info.
const (
	infoThreads   = 0x05
	infoParam     = 0x17
	infoRegisters = 0x2f
	infoValue     = 4 // the format of an attribute with bytes that follow
)

// readCubin reads an image that NVRTC made.
func readCubin(image []byte) (map[string]*cubinKernel, error) {
	raw := bytes.Clone(image)
	raw[6] = byte(elf.EV_CURRENT)
	binary.LittleEndian.PutUint32(raw[20:], uint32(elf.EV_CURRENT)) // the toolkit has a number of its own there
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	list := map[string]*cubinKernel{}
	for _, s := range f.Sections {
		name, ok := strings.CutPrefix(s.Name, ".text.")
		if !ok || f.Section(".nv.info."+name) == nil { // a function of a kernel
			continue
		}
		k := &cubinKernel{opcodes: map[int]int{}}
		list[name] = k
		code, err := s.Data()
		if err != nil {
			return nil, err
		}
		for ; len(code) >= 16; code = code[16:] {
			k.opcodes[int(binary.LittleEndian.Uint64(code)&0xfff)]++
		}
		err = attributes(f, ".nv.info."+name, func(attribute byte, b []byte) {
			switch attribute {
			case infoThreads:
				k.threads = int(binary.LittleEndian.Uint32(b))
			case infoParam:
				k.args = int(binary.LittleEndian.Uint32(b[8:]) >> 18)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return list, attributes(f, ".nv.info", func(attribute byte, b []byte) {
		symbol := int(binary.LittleEndian.Uint32(b)) - 1 // the first is left out
		if attribute != infoRegisters || symbol < 0 || symbol >= len(symbols) {
			return
		}
		if k := list[symbols[symbol].Name]; k != nil {
			k.registers = int(binary.LittleEndian.Uint32(b[4:]))
		}
	})
}

// attributes calls do for every attribute of a section that has a value.
func attributes(f *elf.File, section string, do func(attribute byte, value []byte)) error {
	s := f.Section(section)
	if s == nil {
		return fmt.Errorf("no section %s", section)
	}
	b, err := s.Data()
	if err != nil {
		return err
	}
	for len(b) >= 4 {
		format, attribute, n := b[0], b[1], int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; format != infoValue {
			continue
		}
		if n > len(b) {
			return fmt.Errorf("%s: an attribute of %d bytes where %d are left", section, n, len(b))
		}
		do(attribute, b[:n])
		b = b[n:]
	}
	return nil
}
