// Package nano is the embedded bases: decoders of a few million parameters at most and their tokenizers, made
// by `spell pretrain` (see README.md in this folder for the recipes, their logs and the commits that made the
// weights). World reads the generated world, Text documents.
//
// A base is named where the path of a model may stand, as in --model embedded:text.
package nano

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/tensor/atomicfile"
)

// The names of the bases.
const (
	World = "world"
	Text  = "text"
)

// prefix begins a path that names a base.
const prefix = "embedded:"

//go:embed world text
var bases embed.FS

// Names returns the names of the bases.
func Names() []string { return []string{World, Text} }

// Path returns the path that names a base.
func Path(name string) string { return prefix + name }

// Paths lists the paths that name bases, as an error or a help text does.
func Paths() string { return Path(World) + " or " + Path(Text) }

// Named returns the name of the base that a path names, and false if it names none. An empty path is World.
func Named(path string) (name string, ok bool) {
	if path == "" {
		return World, true
	}
	name, ok = strings.CutPrefix(path, prefix)
	if !ok || !slices.Contains(Names(), name) {
		return "", false
	}
	return name, true
}

// Check returns an error if a path is written as one that names a base, and there is no such base.
func Check(path string) error {
	if _, ok := Named(path); ok || !strings.HasPrefix(path, prefix) {
		return nil
	}
	return fmt.Errorf("%s is no embedded base; name %s", path, Paths())
}

// Read returns a file of the base of a name.
func Read(name, file string) ([]byte, error) { return bases.ReadFile(name + "/" + file) }

// Extract writes the base of a name as a Hugging Face directory.
func Extract(name, dir string) error {
	entries, err := bases.ReadDir(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, e := range entries {
		raw, err := Read(name, e.Name())
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(dir, e.Name()), raw); err != nil {
			return fmt.Errorf("unpacking the embedded base %s: %w", name, err)
		}
	}
	return nil
}
