// Package lock keeps a folder or a file to one process at a time.
package lock

import "fmt"

// inUse is the error of what another process has.
func inUse(path string) error {
	return fmt.Errorf("%s is in use by another run; wait for its end or choose another --out", path)
}
