package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"spell/model/card"
	"spell/tensor/atomicfile"
)

// Digests are SHA-256: CRC-32 is ten times as fast, but a file is hashed faster than a disk takes it, no two
// files share one, and sha256sum checks them without this program.

// optional names the files that change what a run goes on with even if the run itself has written none.
var optional = []string{"generation_config.json", "tokenizer_config.json", "chat_template.jinja"}

// digests returns the digest of each regular file below dir but the state and the card, which no
// run reads and people edit, by its path within, with slashes.
func digests(dir string) (map[string]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if name != filepath.Join(trainingDir, stateFile) && name != card.Name {
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sums, errs := digestAll(dir, names, &reading{ctx: context.Background()})
	files := map[string]string{}
	for i, name := range names {
		files[name] = sums[i]
	}
	return files, errors.Join(errs...)
}

// A reading is how far the bytes of some files are read. It ends with its context.
type reading struct {
	ctx   context.Context
	show  func(done, total int64) // nil: nobody asks
	done  atomic.Int64
	total int64
}

// Write counts bytes that were read.
func (r *reading) Write(p []byte) (int, error) {
	if done := r.done.Add(int64(len(p))); r.show != nil {
		r.show(done, r.total)
	}
	return len(p), r.ctx.Err()
}

// digestAll returns the digests of files in dir, and what went wrong with each. Several are read at the
// same time.
func digestAll(dir string, names []string, r *reading) (sums []string, errs []error) {
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			r.total += info.Size()
		}
	}
	sums, errs = make([]string, len(names)), make([]error, len(names))
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i, name := range names {
		all.Add(1)
		go func() {
			defer all.Done()
			turn <- struct{}{}
			sums[i], errs[i] = digest(filepath.Join(dir, filepath.FromSlash(name)), r)
			<-turn
		}()
	}
	all.Wait()
	return sums, errs
}

// digest returns the SHA-256 of a file in hexadecimal digits.
func digest(path string, r *reading) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(h, r), f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkFiles returns an error that names the files in dir that are missing or have other bytes than
// their digests say, of those that which accepts, and those that were added and would be read. If
// the reading ended before, the error is its context's.
func (s *savedState) checkFiles(dir string, which func(name string) bool, r *reading) error {
	if s.Files == nil { // written when there were no digests
		return nil
	}
	for _, name := range optional {
		if _, ok := s.Files[name]; ok {
			continue
		}
		if path := filepath.Join(dir, name); exists(path) {
			return fmt.Errorf("%s was added since the checkpoint was written, and the run would read it", path)
		}
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.Files)), func(name string) bool { return !which(name) })
	sums, errs := digestAll(dir, names, r)
	if err := r.ctx.Err(); err != nil {
		return err
	}
	var changed []string
	in := filepath.Join(trainingDir, stateFile)
	for i, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case errors.Is(errs[i], fs.ErrNotExist):
			return fmt.Errorf("%s is missing", path)
		case errs[i] != nil:
			return fmt.Errorf("reading %s: %w", path, atomicfile.Cause(errs[i]))
		case sums[i] != s.Files[name]:
			changed = append(changed, path)
		}
	}
	switch len(changed) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s was damaged or edited since it was written: its SHA-256 is not the one in %s", changed[0],
			in)
	}
	return fmt.Errorf("%s were damaged or edited since they were written, or %s is of another checkpoint: their "+
		"SHA-256 are not those in it", strings.Join(changed, " and "), in)
}

// exists reports whether there is something at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// unsealed stands in the text of a state for its own digest.
var unsealed = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// seal puts the digest of the text of a state into it, in the place of unsealed.
func seal(raw []byte) []byte {
	sum := sha256.Sum256(raw)
	at := bytes.LastIndex(raw, []byte(unsealed))
	hex.Encode(raw[at:], sum[:])
	return raw
}

// sealed reports whether raw is as it was sealed, with that digest.
func sealed(raw []byte, sum string) bool {
	at := bytes.LastIndex(raw, []byte(sum))
	if len(sum) != len(unsealed) || at < 0 {
		return false
	}
	raw = slices.Clone(raw)
	copy(raw[at:], unsealed)
	now := sha256.Sum256(raw)
	return hex.EncodeToString(now[:]) == sum
}
