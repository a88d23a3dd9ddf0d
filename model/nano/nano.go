// Package nano is the embedded base: a decoder of under a million parameters and its tokenizer,
// made by `spell pretrain` on the generated world (see README.md in this folder for the recipe,
// its log and the commit that made the weights).
package nano

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"

	"spell/tensor/atomicfile"
)

//go:embed base
var base embed.FS

// Extract writes the base as a Hugging Face directory.
func Extract(dir string) error {
	entries, err := base.ReadDir("base")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, e := range entries {
		raw, err := base.ReadFile("base/" + e.Name())
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(dir, e.Name()), raw); err != nil {
			return fmt.Errorf("unpacking the embedded base: %w", err)
		}
	}
	return nil
}
