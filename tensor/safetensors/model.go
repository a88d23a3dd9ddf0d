package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// A Model is the tensors of a Hugging Face model folder, in one file or in shards.
type Model struct {
	dir    string
	shards map[string]*File // by file name
	weight map[string]*File // by tensor name
	names  []string
}

// OpenModel opens model.safetensors in dir, or else every shard that
// model.safetensors.index.json lists, and checks that each tensor is where the index says.
func OpenModel(dir string) (*Model, error) {
	m := &Model{dir: dir, shards: map[string]*File{}, weight: map[string]*File{}}
	single := filepath.Join(dir, singleName)
	if _, err := os.Stat(single); err == nil {
		f, err := Open(single)
		if err != nil {
			return nil, err
		}
		m.shards[singleName] = f
		for _, name := range f.names {
			m.weight[name] = f
		}
	} else if err := m.openShards(filepath.Join(dir, indexName)); err != nil {
		m.Close()
		return nil, err
	}
	m.names = slices.Sorted(maps.Keys(m.weight))
	return m, nil
}

// openShards fills m from the index file at path.
func (m *Model) openShards(path string) error {
	weightMap, err := readIndex(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: neither %s nor %s is there; name the folder of a Hugging Face model", m.dir,
			singleName, indexName)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(weightMap)) {
		shard := weightMap[name]
		f, ok := m.shards[shard]
		if !ok {
			if shard != filepath.Base(shard) || !filepath.IsLocal(shard) || strings.ContainsAny(shard, `/\`) {
				return fmt.Errorf("reading %s: tensor %q lies in %q, which is not the plain name of a file", path, name,
					shard)
			}
			f, err = Open(filepath.Join(m.dir, shard))
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf(
					"reading %s: shard %s, which holds tensor %q, is missing from the folder; download it again", path,
					shard, name)
			}
			if err != nil {
				return err
			}
			m.shards[shard] = f
		}
		if _, ok := f.entries[name]; !ok {
			return fmt.Errorf("reading %s: tensor %q is not in its shard %s", path, name, shard)
		}
		m.weight[name] = f
	}
	return nil
}

// readIndex returns the weight_map of an index file: the shard of each tensor.
func readIndex(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > headerCap {
		return nil, fmt.Errorf("not a regular file of at most %d bytes", headerCap)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errors.New("not JSON in UTF-8")
	}
	d := &decoder{json.NewDecoder(bytes.NewReader(text))}
	weightMap := map[string]string{}
	err = d.object("the index", func(key string) error {
		if key == "weight_map" {
			return d.strings("weight_map", weightMap)
		}
		var ignored json.RawMessage
		return d.Decode(&ignored)
	})
	if err == nil && len(weightMap) == 0 {
		err = errors.New("it has no weight_map")
	}
	return weightMap, err
}

// Names lists the tensors, sorted.
func (m *Model) Names() []string { return slices.Clone(m.names) }

// Info describes a tensor and reports whether there is one of that name.
func (m *Model) Info(name string) (Info, bool) {
	if f, ok := m.weight[name]; ok {
		return f.Info(name)
	}
	return Info{}, false
}

// Bytes returns a tensor's little-endian data, a read-only view that ends with Close; nil for an
// unknown name.
func (m *Model) Bytes(name string) []byte {
	if f, ok := m.weight[name]; ok {
		return f.Bytes(name)
	}
	return nil
}

// Path returns the shard that holds the tensor, the folder for an unknown name.
func (m *Model) Path(name string) string {
	if f, ok := m.weight[name]; ok {
		return f.path
	}
	return m.dir
}

// Close unmaps every shard.
func (m *Model) Close() error {
	var errs []error
	for _, f := range m.shards {
		errs = append(errs, f.Close())
	}
	clear(m.weight)
	m.names = nil
	return errors.Join(errs...)
}
