package build

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"spell/rl/corpus/minhash"
	"spell/rl/corpus/term"
	"spell/tensor/atomicfile"
)

// Texts that share a band of their signatures with very many others are compared with the first and the latest
// of those alone. What repeats that often has been met among the first.
const (
	firstCompared = 32
	lastCompared  = 32
)

// nearMark marks the texts that are nearly the same as another one, not equal to it.
const nearMark = 1 << 31

// A same says of each text which earlier one it is the same as: that number plus one, with nearMark or without;
// 0 is none.
type same []uint32

// of returns the text that i is the same as.
func (s same) of(i uint32) (j uint32, near, found bool) {
	x := s[i]
	return x&^nearMark - 1, x&nearMark != 0, x != 0
}

// dedup finds the texts that are the same as an earlier one that stays, among n that are alive. What it finds is
// in a file of the work folder from then on.
//
// Memory is bounded: keys of signatures are sorted a share of all at a time, each in one pass over the file.
type dedup struct {
	*builder
	ctx   context.Context
	name  string // docsFile or piecesFile
	n     int
	alive func(i uint32) bool
	text  func(i uint32) (string, error)
	same  same
	sigs  *os.File
	pairs *bufio.Writer
	count int64 // of pairs
}

func (b *builder) dedup(ctx context.Context, name string, n int, alive func(uint32) bool,
	text func(uint32) (string, error)) (same, error) {

	path := filepath.Join(b.work, name+sameFile)
	if raw, err := os.ReadFile(path); err == nil && len(raw) == 4*n {
		s := make(same, n)
		for i := range s {
			s[i] = binary.LittleEndian.Uint32(raw[4*i:])
		}
		return s, nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	d := &dedup{builder: b, ctx: ctx, name: name, n: n, alive: alive, text: text, same: make(same, n)}
	if err := d.equal(); err != nil {
		return nil, err
	}
	if err := d.near(); err != nil {
		return nil, err
	}
	b.o.reached(name)
	return d.same, atomicfile.Write(path, func(w io.Writer) error {
		raw := make([]byte, 0, 4096)
		for at, x := range d.same {
			if raw = binary.LittleEndian.AppendUint32(raw, x); len(raw) == cap(raw) || at == n-1 {
				if _, err := w.Write(raw); err != nil {
					return err
				}
				raw = raw[:0]
			}
		}
		return nil
	})
}

// entries calls yield with each entry of a file, of size bytes, that stands for a text which is alive and not
// the same as another.
func (d *dedup) entries(file string, size int, yield func(i uint32, raw []byte)) error {
	f, err := os.Open(filepath.Join(d.work, d.name+file))
	if err != nil {
		return err
	}
	defer f.Close()
	in, raw := bufio.NewReaderSize(f, 1<<20), make([]byte, size)
	for i := range uint32(d.n) {
		if i%4096 == 0 {
			if err := d.ctx.Err(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(in, raw); err != nil {
			return err
		}
		if d.same[i] == 0 && d.alive(i) {
			yield(i, raw)
		}
	}
	return nil
}

// shares returns how many passes n entries of so many bytes need.
func (d *dedup) shares(n, size int) uint64 {
	return uint64(max(1, (n*size+d.o.sorted-1)/d.o.sorted))
}

// shareOf returns which of the passes a key belongs to.
func shareOf(key, shares uint64) uint64 { return (key >> 32) * shares >> 32 }

// equal finds the texts of the same words as another.
func (d *dedup) equal() error {
	type entry struct {
		sum [2]uint64
		id  uint32
	}
	shares := d.shares(d.n, 24)
	var list []entry
	for share := range shares {
		list = list[:0]
		err := d.entries(sumsFile, sumSize, func(i uint32, raw []byte) {
			sum := [2]uint64{binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[8:])}
			if shareOf(sum[0], shares) == share {
				list = append(list, entry{sum, i})
			}
		})
		if err != nil {
			return err
		}
		slices.SortFunc(list, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.sum[0], b.sum[0]), cmp.Compare(a.sum[1], b.sum[1]), cmp.Compare(a.id, b.id))
		})
		first := 0
		for i := range list {
			if list[i].sum != list[first].sum {
				first = i
			} else if i > first {
				d.same[list[i].id] = list[first].id + 1
			}
		}
	}
	return nil
}

// near finds the texts that are nearly the same as another one.
func (d *dedup) near() (err error) {
	if d.sigs, err = os.Open(filepath.Join(d.work, d.name+signaturesFile)); err != nil {
		return err
	}
	defer d.sigs.Close()
	path := filepath.Join(d.work, d.name+".pairs")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer f.Close()
	d.pairs = bufio.NewWriterSize(f, 1<<20)
	if err := d.candidates(); err != nil {
		return err
	}
	if err := d.pairs.Flush(); err != nil {
		return err
	}
	return d.decide(f)
}

func signatureOf(raw []byte) (s minhash.Signature) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return s
}

// hash returns a number for a band.
func hash(s *minhash.Signature, band int) uint64 {
	h := uint64(band)
	for _, x := range s.Rows(band) {
		h = term.Mix(h*0x9e3779b97f4a7c15 + uint64(x))
	}
	return h
}

// candidates writes the pairs that share a band and whose signatures are alike.
func (d *dedup) candidates() error {
	type entry struct {
		key uint64
		id  uint32
	}
	shares := d.shares(d.n*minhash.Bands, 16)
	var list []entry
	for share := range shares {
		d.show("looking for near-duplicates", int(share), int(shares))
		list = list[:0]
		err := d.entries(signaturesFile, signatureSize, func(i uint32, raw []byte) {
			s := signatureOf(raw)
			if s == (minhash.Signature{}) { // no words
				return
			}
			for band := range minhash.Bands {
				if key := hash(&s, band); shareOf(key, shares) == share {
					list = append(list, entry{key, i})
				}
			}
		})
		if err != nil {
			return err
		}
		slices.SortFunc(list, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id))
		})
		var run []uint32
		for i := range list {
			run = append(run, list[i].id)
			if i+1 < len(list) && list[i+1].key == list[i].key {
				continue
			}
			if err := d.bucket(run, list[i].key); err != nil {
				return err
			}
			run = run[:0]
		}
	}
	return nil
}

// signed is a text with its signature.
type signed struct {
	id  uint32
	sig minhash.Signature
}

// bucket writes the pairs of texts that have a key in common.
func (d *dedup) bucket(ids []uint32, key uint64) error {
	if len(ids) < 2 {
		return nil
	}
	// A pair may be missed where very many meet, so only pairs that meet there twice count as met.
	large := len(ids) > firstCompared+lastCompared
	var earlier []*signed // the first and the latest
	raw := make([]byte, signatureSize)
	for n, id := range ids {
		if n%256 == 0 {
			if err := d.ctx.Err(); err != nil {
				return err
			}
		}
		if _, err := d.sigs.ReadAt(raw, int64(id)*int64(signatureSize)); err != nil {
			return err
		}
		now := &signed{id, signatureOf(raw)}
		for _, e := range earlier {
			if large && met(e, now, key) || minhash.Estimate(&e.sig, &now.sig) < minhash.WorthCounting {
				continue
			}
			var pair [8]byte
			binary.LittleEndian.PutUint32(pair[:], e.id)
			binary.LittleEndian.PutUint32(pair[4:], now.id)
			if _, err := d.pairs.Write(pair[:]); err != nil {
				return err
			}
			d.count++
		}
		if len(earlier) == firstCompared+lastCompared {
			earlier = slices.Delete(earlier, firstCompared, firstCompared+1)
		}
		earlier = append(earlier, now)
	}
	return nil
}

// met reports whether two texts have a band in common before that of key, where they have met.
func met(a, b *signed, key uint64) bool {
	for band := range minhash.Bands {
		if a.sig.Rows(band) == b.sig.Rows(band) {
			return hash(&a.sig, band) != key
		}
	}
	return false
}

// blockBits is how many texts are counted together to share out the pairs.
const blockBits = 10

// decide goes through the texts in order: one that is nearly the same as an earlier one that stays does not
// stay.
func (d *dedup) decide(f *os.File) error {
	counts := make([]int, d.n>>blockBits+1)
	if err := d.eachPair(f, func(i, j uint32) { counts[j>>blockBits]++ }); err != nil {
		return err
	}
	set := setsOf(d)
	var pairs []uint64 // the later text above the earlier one
	done := 0
	for from := 0; from < len(counts); {
		to, n := from, 0
		for to < len(counts) && (to == from || n+counts[to] <= d.o.sorted/8) {
			n += counts[to]
			to++
		}
		pairs = pairs[:0]
		err := d.eachPair(f, func(i, j uint32) {
			if b := int(j >> blockBits); from <= b && b < to {
				pairs = append(pairs, uint64(j)<<32|uint64(i))
			}
		})
		if err != nil {
			return err
		}
		slices.Sort(pairs)
		for _, p := range slices.Compact(pairs) {
			i, j := uint32(p), uint32(p>>32)
			if done++; d.same[i] != 0 || d.same[j] != 0 {
				continue
			}
			d.show("comparing near-duplicates, pairs", done, int(d.count))
			near, err := set.near(i, j, d.o.Config.Near)
			if err != nil {
				return err
			}
			if near {
				d.same[j] = i + 1 | nearMark
			}
		}
		from = to
	}
	return nil
}

func (d *dedup) eachPair(f *os.File, yield func(i, j uint32)) error {
	in, raw := bufio.NewReaderSize(io.NewSectionReader(f, 0, 8*d.count), 1<<20), make([]byte, 8)
	for n := range d.count {
		if n%65536 == 0 {
			if err := d.ctx.Err(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(in, raw); err != nil {
			return err
		}
		yield(binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:]))
	}
	return nil
}

// sets keeps the runs of words of the texts compared last.
type sets struct {
	d    *dedup
	ids  []uint32
	sets []*minhash.Set
}

// setsKept is few, since a long text has many runs.
const setsKept = 4

func setsOf(d *dedup) *sets { return &sets{d: d} }

func (s *sets) of(id uint32) (*minhash.Set, error) {
	if at := slices.Index(s.ids, id); at >= 0 {
		return s.sets[at], nil
	}
	text, err := s.d.text(id)
	if err != nil {
		return nil, err
	}
	set, err := minhash.NewSet(text, s.d.ctx.Err)
	if err != nil {
		return nil, err
	}
	if len(s.ids) == setsKept {
		s.ids, s.sets = slices.Delete(s.ids, 0, 1), slices.Delete(s.sets, 0, 1)
	}
	s.ids, s.sets = append(s.ids, id), append(s.sets, set)
	return set, nil
}

// near reports whether two texts have at least a share of their runs in common.
func (s *sets) near(i, j uint32, least float64) (bool, error) {
	a, err := s.of(i)
	if err != nil {
		return false, err
	}
	b, err := s.of(j)
	if err != nil {
		return false, err
	}
	share, err := minhash.Jaccard(a, b, s.d.ctx.Err)
	return share >= least, err
}
