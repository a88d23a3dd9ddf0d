//go:build !unix

package mapped

import (
	"io"
	"os"
)

// mapFile reads the first size bytes of file into memory, for platforms on which it cannot map
// them.
func mapFile(file *os.File, size int) ([]byte, func() error, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, int64(size)), b); err != nil {
		return nil, nil, err
	}
	return b, func() error { return nil }, nil
}
