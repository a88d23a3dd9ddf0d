// Package mapped maps files into memory to be read.
package mapped

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"spell/tensor/signature"
)

// Open maps the regular file at path read-only. Pages come from the disk when they are touched, and
// the file must not be changed in place before release is called. The error is about what is at path
// and does not name it.
func Open(path string) (data []byte, release func() error, err error) {
	data, release, err = open(path)
	if err == nil {
		if err = Guard(func() error { return signature.Check(data) }); err != nil {
			release()
			return nil, nil, err
		}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		if err = signature.Link(path); err == nil {
			err = pe.Err
		}
	}
	return data, release, err
}

func open(path string) ([]byte, func() error, error) {
	// Before os.Open, which would wait for the writer of a named pipe.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, nil, err
	}
	size := int(info.Size())
	switch {
	case int64(size) != info.Size():
		return nil, nil, fmt.Errorf("%d bytes are more than this machine's address space holds", info.Size())
	case size == 0:
		return nil, func() error { return nil }, nil // nothing can be mapped
	}
	return mapFile(file, size)
}

// A Fault is the error of a read of mapped memory that the disk no longer had: the file was cut short,
// or a sector is bad.
type Fault struct{ Addr uintptr }

func (f *Fault) Error() string {
	return fmt.Sprintf("not readable any more (fault at %#x): the file was changed, or the disk failed", f.Addr)
}

// Guard calls read and returns its error, or a *Fault: in mapped memory a failed read is a fault in the
// middle of a load instruction.
func Guard(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = &Fault{fault.Addr()}
		default:
			panic(fault)
		}
	}()
	return read()
}
