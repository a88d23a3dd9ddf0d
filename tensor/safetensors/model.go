package safetensors

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"spell/tensor/atomicfile"
	"spell/tensor/jsonfile"
	"spell/tensor/signature"
)

const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
	indexCap   = 24 << 20 // bytes; the largest published ones have fifteen megabytes
)

// A Model is the tensors of a Hugging Face model folder, in one file or in shards.
type Model struct {
	dir    string
	shards map[string]*File  // by file name
	weight map[string]*File  // by tensor name
	index  map[string]string // the shard of each tensor, as the index says; nil without
	names  []string
	notes  []string
}

// OpenModel opens the weights in dir: model.safetensors; or else the shards that
// model.safetensors.index.json lists; or else, without an index, all shards of one set or the only
// safetensors file there is. What the shards hold counts, whatever the index says: see Notes.
func OpenModel(dir string) (*Model, error) {
	m := &Model{dir: dir, shards: map[string]*File{}, weight: map[string]*File{}}
	if err := m.open(); err != nil {
		m.Close()
		return nil, err
	}
	m.names = slices.Sorted(maps.Keys(m.weight))
	return m, nil
}

// Notes returns a sentence on each thing that was not as the index, or the lack of one, had it.
func (m *Model) Notes() []string { return slices.Clone(m.notes) }

// Missing returns the error about a tensor that the model needs and does not have. It says what the
// index says of it.
func (m *Model) Missing(name string) error {
	if shard, ok := m.index[name]; ok {
		return fmt.Errorf("reading %s: %s lists tensor %s in %s, which does not hold it, nor does another file; "+
			"download the shard again", m.dir, indexName, name, shard)
	}
	return fmt.Errorf("%s: the weights hold no tensor %s, which its config.json asks for; download them again, or the "+
		"config.json that belongs to them", m.dir, name)
}

func (m *Model) open() error {
	if _, err := os.Lstat(filepath.Join(m.dir, singleName)); err == nil {
		return m.openFiles([]string{singleName})
	}
	index := filepath.Join(m.dir, indexName)
	weightMap, err := readIndex(index)
	switch {
	case err == nil:
		m.index = weightMap
		return m.openIndexed(index)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading %s: %w", index, err)
	}
	return m.openUnlisted()
}

// openFiles opens files of the folder. A tensor that two of them hold is an error, unless the index
// says which of them is meant.
func (m *Model) openFiles(files []string) error {
	for _, name := range files {
		f, err := Open(filepath.Join(m.dir, name))
		if err != nil {
			return err
		}
		m.shards[name] = f
		for _, tensor := range f.names {
			if other, ok := m.weight[tensor]; ok && m.index[tensor] != name {
				if m.index[tensor] == filepath.Base(other.path) {
					continue
				}
				return fmt.Errorf("reading %s: tensor %q lies in %s and in %s; remove the file that does not belong "+
					"to the model", m.dir, tensor, filepath.Base(other.path), name)
			}
			m.weight[tensor] = f
		}
	}
	return nil
}

// openIndexed opens the shards that the index at path names, and those of their set that it does not.
func (m *Model) openIndexed(path string) error {
	first := map[string]string{} // of each shard the first tensor
	for _, name := range slices.Sorted(maps.Keys(m.index)) {
		shard := m.index[name]
		if shard != filepath.Base(shard) || !filepath.IsLocal(shard) || strings.ContainsAny(shard, `/\`) {
			return fmt.Errorf("reading %s: tensor %q lies in %q, which is not the plain name of a file"+again, path,
				name, shard)
		}
		if _, ok := first[shard]; !ok {
			first[shard] = name
		}
	}
	there, err := safetensorsIn(m.dir)
	if err != nil {
		return err
	}
	listed := func(name string) bool { return first[name] != "" }
	isShard := func(name string) bool { return setOf(name) != "" }
	if slices.ContainsFunc(there, isShard) && !slices.ContainsFunc(there, listed) { // of a model that was saved again
		m.notes = append(m.notes, fmt.Sprintf("%s is of other files, none of which is there, and counts for nothing",
			path))
		m.index = nil
		return m.openUnlisted()
	}
	for shard, name := range first {
		if _, err := os.Lstat(filepath.Join(m.dir, shard)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reading %s: shard %s, which holds tensor %q, is missing from the folder; download it "+
				"again", path, shard, name)
		}
	}
	sets := map[string]bool{}
	for shard := range first {
		sets[setOf(shard)] = true
	}
	for _, name := range there {
		if set := setOf(name); set != "" && sets[set] {
			first[name] = ""
		}
	}
	if err := m.openFiles(slices.Sorted(maps.Keys(first))); err != nil {
		return err
	}
	m.compare(path)
	return nil
}

// compare adds a note if the index at path differs from the shards.
func (m *Model) compare(path string) {
	var elsewhere, absent, unlisted []string
	for _, name := range slices.Sorted(maps.Keys(m.index)) {
		if f, ok := m.weight[name]; !ok {
			absent = append(absent, name)
		} else if filepath.Base(f.path) != m.index[name] {
			elsewhere = append(elsewhere, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.weight)) {
		if _, ok := m.index[name]; !ok {
			unlisted = append(unlisted, name)
		}
	}
	var said []string
	for _, kind := range []struct {
		names []string
		what  string
	}{
		{elsewhere, "in another shard than it says"},
		{absent, "in no shard"},
		{unlisted, "in a shard, not in the index"},
	} {
		if n := len(kind.names); n > 0 {
			said = append(said, fmt.Sprintf("%d %s (%s)", n, kind.what, sample(kind.names)))
		}
	}
	if len(said) > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%s is not of these shards, which count: of its tensors are %s", path,
			strings.Join(said, ", ")))
	}
}

// sample names the first of a list and that there are more.
func sample(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return names[0] + ", …"
}

// openUnlisted opens the weights of a folder that has neither model.safetensors nor an index: a whole
// set of shards, or the only safetensors file.
func (m *Model) openUnlisted() error {
	there, err := safetensorsIn(m.dir)
	if err != nil {
		return err
	}
	sets := map[string][]string{}
	for _, name := range there {
		sets[setOf(name)] = append(sets[setOf(name)], name)
	}
	alone := sets[""]
	delete(sets, "")
	switch {
	case len(sets) == 1:
		for set, shards := range sets {
			if n := sizeOfSet(set); len(shards) != n {
				return fmt.Errorf("reading %s: there are %d of the %d shards that %s is one of, and no %s; download "+
					"the others", m.dir, len(shards), n, shards[0], indexName)
			}
			m.notes = append(m.notes, fmt.Sprintf("%s has no %s: the weights are taken from %s", m.dir, indexName,
				files(len(shards), shards[0])))
			return m.openFiles(shards)
		}
	case len(sets) == 0 && len(alone) == 1:
		m.notes = append(m.notes, fmt.Sprintf("%s has no %s: the weights are taken from %s", m.dir, singleName,
			alone[0]))
		return m.openFiles(alone)
	case len(there) > 1:
		return fmt.Errorf("reading %s: there is neither %s nor %s, and which of %s and %d other files are the weights "+
			"nothing says; name the right one %s", m.dir, singleName, indexName, there[0], len(there)-1, singleName)
	}
	return m.nothing()
}

func files(n int, first string) string {
	if n == 1 {
		return first
	}
	return fmt.Sprintf("the %d shards from %s on", n, first)
}

// nothing returns the error about a folder without safetensors. It names weights of other formats.
func (m *Model) nothing() error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", m.dir, atomicfile.Cause(err))
	}
	var gguf, pickled []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".gguf":
			gguf = append(gguf, e.Name())
		case ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".npz", ".onnx":
			pickled = append(pickled, e.Name())
		}
	}
	what := fmt.Sprintf("reading %s: neither %s nor %s is there", m.dir, singleName, indexName)
	convert := "download the model's safetensors files, or convert it with save_pretrained of transformers"
	switch {
	case len(gguf) > 0 && len(pickled) > 0:
		return fmt.Errorf("%s, but %s is, a format that is not read, and a GGUF file: name that, --model %s, or %s",
			what, pickled[0], filepath.Join(m.dir, gguf[0]), convert)
	case len(gguf) > 0:
		return fmt.Errorf("%s, but a GGUF file is: name it, --model %s", what, filepath.Join(m.dir, gguf[0]))
	case len(pickled) > 0:
		return fmt.Errorf("%s, but %s is, a format that is not read: %s", what, pickled[0], convert)
	}
	return fmt.Errorf("%s; name the folder of a Hugging Face model", what)
}

// safetensorsIn names the files in dir that end in .safetensors, but those of adapters and optimizers.
func safetensorsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, atomicfile.Cause(err))
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".safetensors") && !strings.HasPrefix(name, "adapter_") &&
			!strings.HasPrefix(name, "optimizer") {
			names = append(names, name)
		}
	}
	return names, nil
}

// shardName matches the names of shards: what they begin with, which one it is, and of how many.
var shardName = regexp.MustCompile(`^(.+)-(\d{5})-of-(\d{5})\.safetensors$`)

// setOf returns what the names of all shards of a set have in common, "" if it is not a shard's name.
func setOf(name string) string {
	part := shardName.FindStringSubmatch(name)
	if part == nil {
		return ""
	}
	return part[1] + "-of-" + part[3]
}

// sizeOfSet returns the number of shards of a set.
func sizeOfSet(set string) int {
	n, _ := strconv.Atoi(set[len(set)-5:]) // five digits
	return n
}

// readIndex returns the weight_map of an index file: the shard of each tensor.
func readIndex(path string) (map[string]string, error) {
	text, err := jsonfile.Read(path, indexCap)
	if err != nil {
		return nil, err
	}
	text = jsonfile.Standard(text)
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, cmp.Or(signature.Check(text), errors.New("not JSON in UTF-8"+again))
	}
	s := &scanner{text: text}
	var weightMap map[string]string
	err = s.object("the index", func(key string) (err error) {
		if key != "weight_map" {
			s.value()
			return nil
		}
		weightMap, err = s.strings("weight_map", maxIndex)
		return err
	})
	if err == nil && len(weightMap) == 0 {
		err = errors.New("it has no weight_map")
	}
	if err != nil {
		err = fmt.Errorf("%w"+again, err)
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
