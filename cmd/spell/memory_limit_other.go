//go:build !linux

package main

// reserveThreads does nothing: this system's limits of memory are not asked for.
func reserveThreads(int) error { return nil }
