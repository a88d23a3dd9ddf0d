// Package lock keeps a folder to one process at a time.
package lock

import "fmt"

// inUse is the error of a folder that another process has.
func inUse(dir string) error {
	return fmt.Errorf("%s is in use by another run; wait for its end or choose another --out", dir)
}
