//go:build !unix

package atomicfile

// SyncDir does nothing: directories cannot be opened for syncing here.
func SyncDir(string) error { return nil }
