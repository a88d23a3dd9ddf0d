package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"spell/model/nano"
	"spell/model/open"
	"spell/tensor/atomicfile"
)

// An origin is the model that a run began with: the folder or file that was named, and a hash by which it is
// known under another name.
type origin struct {
	// Path is where it was, or names an embedded base; empty for that of the generated world, and for a model
	// that the run makes.
	Path string `json:"path,omitempty"`
	Hash string `json:"hash,omitempty"`
}

// originOf returns the origin of a model's folder or file, or of an embedded base.
func originOf(path string) (origin, error) {
	dir, done, err := ModelFolder(path)
	if err != nil {
		return origin{}, err
	}
	defer done()
	h := sha256.New()
	if err := identify(h, dir); err != nil {
		return origin{}, fmt.Errorf("--model %s: %w", path, atomicfile.Cause(err))
	}
	at, err := placed(path)
	if err != nil {
		return origin{}, err
	}
	return origin{at, hex.EncodeToString(h.Sum(nil)[:8])}, nil
}

// String says what the model is.
func (o origin) String() string {
	if name, ok := nano.Named(o.Path); ok {
		return "the embedded base " + name
	}
	return "the model " + o.Path
}

// Identity returns a hash by which the model at path is known under another name, with the adapters in a
// folder if adapter is not empty.
func Identity(path, adapter string) (string, error) {
	h := sha256.New()
	if err := identify(h, path); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, atomicfile.Cause(err))
	}
	if adapter != "" {
		for _, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
			if err := sample(h, filepath.Join(adapter, name), name); err != nil {
				return "", fmt.Errorf("reading %s: %w", filepath.Join(adapter, name), atomicfile.Cause(err))
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// identify hashes what tells the model at path from others.
func identify(h io.Writer, path string) error {
	if format, err := open.FormatOf(path); err != nil {
		return err
	} else if format == open.GGUF {
		return sample(h, path, "")
	}
	raw, err := os.ReadFile(filepath.Join(path, "config.json"))
	if err != nil {
		return err
	}
	h.Write(raw)
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".safetensors") {
			if err := sample(h, filepath.Join(path, e.Name()), e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// sample hashes a name, the size of a file and pieces from its beginning, middle and end: weights have
// gigabytes, and any two models differ in each of them.
func sample(h io.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintln(h, name, info.Size())
	const piece = 1 << 16
	for _, at := range []int64{0, info.Size() / 2, max(0, info.Size()-piece)} {
		if _, err := io.Copy(h, io.NewSectionReader(f, at, piece)); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a --model that is another than the run began with. Nothing of it is read again, unless
// the run has no checkpoint yet and begins with it once more.
func (o origin) check(given string, again bool) error {
	if given == "" {
		return nil
	}
	if at, err := placed(given); err == nil && at == o.Path && (!again || o.Hash == "") {
		return nil
	}
	now, err := originOf(given)
	switch {
	case err == nil && now.Hash == o.Hash && (now.Path == o.Path || o.Path != ""):
		return nil
	case err == nil && again && now.Path == o.Path:
		return fmt.Errorf("the model %s is no longer the one that the run began with; begin another run with "+
			"another --out", given)
	}
	return fmt.Errorf("the run began with %v and goes on with its own checkpoint, not with --model %s; leave out "+
		"--model, or begin another run with another --out", o, given)
}
