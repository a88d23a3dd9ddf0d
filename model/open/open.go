// Package open opens a model at run time in whatever format it is: a Hugging Face folder or a GGUF
// file. It lies beside the formats rather than in package model because they import model.
package open

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/model/gguf"
	"spell/model/hf"
	"spell/tensor"
)

// A Format is a way in which models lie on a disk.
type Format int

// The formats.
const (
	Folder Format = iota // of Hugging Face: config.json and safetensors
	GGUF                 // a file of llama.cpp
)

// A Checkpoint is an open model whose weights are not loaded.
type Checkpoint struct {
	Config model.Config
	Notes  []string // a sentence on each thing that is passed over or is not where it should be

	source
}

// source is what both formats can do.
type source interface {
	Load(context.Context, kernels.Backend, model.Precision, model.Purpose) (*model.Weights, error)
	Fill(context.Context, kernels.Backend, *model.Weights) error
	Stored() model.Precision
	Rows() model.Rows                        // its numbers, unloaded
	TypeOf(model.Shape) (tensor.DType, bool) // the type that a parameter is best kept in, and whether it is exact
	Carried() (map[string][]byte, error)     // files that a model made of it gets
	Close() error
}

// Model opens the model at path, as the Open of its format does.
func Model(path string) (*Checkpoint, error) {
	format, err := FormatOf(path)
	if err != nil {
		return nil, err
	}
	if format == GGUF {
		m, err := gguf.Open(path)
		if err != nil {
			return nil, err
		}
		return &Checkpoint{m.Config, m.Notes, m}, nil
	}
	m, err := hf.Open(path)
	if err != nil {
		return nil, err
	}
	return &Checkpoint{m.Config, m.Notes, m}, nil
}

// Load loads the model at path into the memory of b until the context ends; then its error is the
// context's.
func Load(ctx context.Context, b kernels.Backend, path string, p model.Precision, purpose model.Purpose) (
	*model.Weights, error) {
	m, err := Model(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return m.Load(ctx, b, p, purpose)
}

// Fill reads the model at path into weights that were mapped for it, until the context ends.
func Fill(ctx context.Context, b kernels.Backend, w *model.Weights, path string) error {
	m, err := Model(path)
	if err != nil {
		return err
	}
	defer m.Close()
	if !slices.Equal(model.Shapes(&m.Config), model.Shapes(&w.Config)) {
		return fmt.Errorf("%s holds another model than the one that is trained", path)
	}
	return m.Fill(ctx, b, w)
}

// Config returns the configuration of the model at path. A folder needs no weights for it.
func Config(path string) (model.Config, error) {
	format, err := FormatOf(path)
	if err != nil {
		return model.Config{}, err
	}
	if format == Folder {
		return hf.ReadConfig(path)
	}
	m, err := gguf.Open(path)
	if err != nil {
		return model.Config{}, err
	}
	return m.Config, m.Close()
}

// FormatOf returns the format of the model at path. What is neither a folder nor a GGUF file is an
// error that names what to give instead.
func FormatOf(path string) (Format, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Folder, fmt.Errorf("there is no %s; name the folder of a Hugging Face model or a GGUF file", path)
	case err != nil:
		return Folder, err
	case info.IsDir():
		return Folder, onlyGGUF(path)
	}
	name := strings.ToLower(filepath.Base(path))
	switch {
	case filepath.Ext(name) == ".gguf" || beginsGGUF(path):
		return GGUF, nil
	case strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".index.json") || name == "config.json":
		return Folder, fmt.Errorf("%s is one file of a model; name its folder, %s", path, filepath.Dir(path))
	}
	return Folder, fmt.Errorf("%s is no model that is read; name the folder of a Hugging Face model or a GGUF file",
		path)
}

// onlyGGUF returns an error that names the GGUF file in a folder that holds one and no model of Hugging
// Face.
func onlyGGUF(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "config.json")); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := ""
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".safetensors":
			return nil
		case ".gguf":
			found = filepath.Join(dir, e.Name())
		}
	}
	if found == "" {
		return nil
	}
	return fmt.Errorf("%s holds no config.json, but a GGUF file: name it, --model %s", dir, found)
}

// beginsGGUF reports whether the file at path begins as GGUF files do, whatever its name; caches of
// other programs name files by their hashes.
func beginsGGUF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	n, _ := f.Read(head)
	return string(head[:n]) == "GGUF"
}
