//go:build !unix

package atomicfile

// SyncDir does nothing where directories cannot be opened for syncing.
func SyncDir(string) error { return nil }
