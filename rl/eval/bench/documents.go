package bench

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"spell/rl/records"
)

// kept is how the documents of a question are read again.
type kept struct {
	source *source
	reader *records.Reader
	read   func(f fields, q *Question) error // of its benchmark
	sum    [sha256.Size]byte                 // of the documents
}

// A source is the file that documents are read from, one at a time.
type source struct {
	mu     sync.Mutex
	path   string
	cursor *records.Cursor // of path; nil: there is none
}

// keep leaves the documents of a question, if it has any, to be read again, and what they share memory with.
func (q *Question) keep(k *kept) {
	for _, s := range []*string{&q.Part, &q.Text, &q.Answer} {
		*s = strings.Clone(*s)
	}
	for _, list := range [][]string{q.Options, q.Answers} {
		for i := range list {
			list[i] = strings.Clone(list[i])
		}
	}
	if len(q.Docs) > 0 {
		k.sum = sumOf(q.Docs)
		q.kept, q.Docs = k, nil
	}
}

// Documents returns the documents, those that were left in a file as they were when the question was read.
// In the order in which questions were read they are read the fastest. It may be called by several
// goroutines.
func (q *Question) Documents() ([]string, error) {
	k := q.kept
	if k == nil {
		return q.Docs, nil
	}
	k.source.mu.Lock()
	defer k.source.mu.Unlock()
	v, err := k.source.of(k.reader, q.At.Path).Record(q.At)
	if e := (*fs.PathError)(nil); errors.As(err, &e) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	again := &Question{}
	object, ok := v.(map[string]any)
	if err != nil || !ok || k.read(object, again) != nil || sumOf(again.Docs) != k.sum {
		return nil, fmt.Errorf("%v has changed since the run began; put the file back as it was and give the same "+
			"command, or begin again with another --out", q.At)
	}
	return again.Docs, nil
}

// Blind takes the documents away.
func (q *Question) Blind() { q.Docs, q.kept = nil, nil }

// of returns a cursor of a file, and closes that of another one.
func (s *source) of(r *records.Reader, path string) *records.Cursor {
	if s.cursor == nil || s.path != path {
		s.close()
		s.cursor, s.path = r.Cursor(path), path
	}
	return s.cursor
}

func (s *source) close() {
	if s.cursor != nil {
		s.cursor.Close()
	}
	s.cursor = nil
}

// sumOf returns a hash of documents.
func sumOf(docs []string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, d := range docs {
		fmt.Fprintf(h, "%d ", len(d))
		io.WriteString(h, d)
	}
	h.Sum(sum[:0])
	return sum
}
