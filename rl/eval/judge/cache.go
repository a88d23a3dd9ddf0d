package judge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"spell/rl/eval"
	"spell/tensor/atomicfile"
)

// A Cache keeps on the disk what judges said, a line of JSON each, so that nothing is asked twice. Any
// number of goroutines may use it, but one process at a time.
type Cache struct {
	path string

	mu    sync.Mutex
	file  *os.File
	said  map[string]eval.Verdict
	asked map[string]*sync.Mutex // whoever asks something first is waited for
}

// A kept line is a verdict and a hash of what was asked of whom.
type kept struct {
	Key     string       `json:"key"`
	Verdict eval.Verdict `json:"verdict"`
}

// OpenCache opens the cache in a file, or begins one. Lines that cannot be read are passed over: what
// they held is asked again.
func OpenCache(path string) (*Cache, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(f)
	whole := bytes.LastIndexByte(raw, '\n') + 1
	if err == nil {
		err = f.Truncate(int64(whole))
	}
	if err == nil {
		_, err = f.Seek(int64(whole), io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening the judge's cache %s: %w", path, atomicfile.Cause(err))
	}
	c := &Cache{path: path, file: f, said: map[string]eval.Verdict{}, asked: map[string]*sync.Mutex{}}
	for line := range bytes.Lines(raw[:whole]) {
		var k kept
		if json.Unmarshal(line, &k) != nil {
			continue
		}
		switch k.Verdict {
		case eval.Yes, eval.No, eval.Invalid:
			c.said[k.Key] = k.Verdict
		}
	}
	return c, nil
}

// get returns what a model said to a text, or what ask returns.
func (c *Cache) get(model, text string, ask func() (eval.Verdict, error)) (eval.Verdict, error) {
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %s", model, text))
	key := hex.EncodeToString(hash[:])
	c.mu.Lock()
	if c.asked[key] == nil {
		c.asked[key] = &sync.Mutex{}
	}
	one := c.asked[key]
	c.mu.Unlock()
	one.Lock()
	defer one.Unlock()
	c.mu.Lock()
	v, known := c.said[key]
	c.mu.Unlock()
	if known {
		return v, nil
	}
	v, err := ask()
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	line, err := json.Marshal(kept{key, v})
	if err == nil {
		_, err = c.file.Write(append(line, '\n'))
	}
	if err != nil {
		return "", fmt.Errorf("writing the judge's cache %s: %w", c.path, atomicfile.Cause(err))
	}
	c.said[key] = v
	return v, nil
}

// Close has everything on the disk.
func (c *Cache) Close() error { return errors.Join(c.file.Sync(), c.file.Close()) }
