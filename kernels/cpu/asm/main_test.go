package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGenerated checks that the files in the package are what this program writes, and that it
// writes the same twice.
func TestGenerated(t *testing.T) {
	for range 2 {
		list, err := files()
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range list {
			got, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is out of date: run go generate in kernels/cpu", name)
			}
		}
	}
}
