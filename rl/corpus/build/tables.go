package build

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"spell/rl/corpus/minhash"
)

// The files of the work folder. Documents are whole texts as files hold them, pieces what they are cut into.
const (
	textsFile  = "texts"  // of all documents, one behind another
	namesFile  = "names"  // of all documents and their titles
	docsFile   = "docs"   // a doc each
	piecesFile = "pieces" // a piece each
	leftFile   = "left"   // a line of JSON for what was left out while reading
	// Of docs and pieces each:
	sumsFile       = ".sums"       // half of a SHA-256 of the words
	signaturesFile = ".signatures" // their minima
	sameFile       = ".same"       // which earlier one each is the same as
)

// A doc is where a document is.
type doc struct {
	text, name uint64 // offsets
	length     uint32 // of the text
	nameLen    uint32
	titleLen   uint32
	pieces     uint32 // that it was cut into
}

const docSize = 32

func (d *doc) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(to, d.text)
	to = binary.LittleEndian.AppendUint64(to, d.name)
	for _, x := range []uint32{d.length, d.nameLen, d.titleLen, d.pieces} {
		to = binary.LittleEndian.AppendUint32(to, x)
	}
	return to
}

func docOf(raw []byte) doc {
	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	return doc{u64(raw), u64(raw[8:]), u32(raw[16:]), u32(raw[20:]), u32(raw[24:]), u32(raw[28:])}
}

// A piece is where a part of a document is, or all of one.
type piece struct {
	text   uint64
	length uint32
	doc    uint32
	number uint32 // in the document, from 1
}

const pieceSize = 24

func (p *piece) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(to, p.text)
	for _, x := range []uint32{p.length, p.doc, p.number, 0} {
		to = binary.LittleEndian.AppendUint32(to, x)
	}
	return to
}

func pieceOf(raw []byte) piece {
	u32 := binary.LittleEndian.Uint32
	return piece{binary.LittleEndian.Uint64(raw), u32(raw[8:]), u32(raw[12:]), u32(raw[16:])}
}

// tables are the files that were read, for random access.
type tables struct {
	texts, names, docs, pieces *os.File
}

func openTables(dir string) (t *tables, err error) {
	t = &tables{}
	for name, to := range map[string]**os.File{textsFile: &t.texts, namesFile: &t.names, docsFile: &t.docs,
		piecesFile: &t.pieces} {
		if *to, err = os.Open(filepath.Join(dir, name)); err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

func (t *tables) close() {
	for _, f := range []*os.File{t.texts, t.names, t.docs, t.pieces} {
		f.Close()
	}
}

// bytes returns n bytes of a file.
func bytes(f *os.File, at uint64, n int) ([]byte, error) {
	raw := make([]byte, n)
	_, err := f.ReadAt(raw, int64(at))
	return raw, err
}

func (t *tables) doc(i uint32) (doc, error) {
	raw, err := bytes(t.docs, uint64(i)*docSize, docSize)
	if err != nil {
		return doc{}, err
	}
	return docOf(raw), nil
}

func (t *tables) piece(i uint32) (piece, error) {
	raw, err := bytes(t.pieces, uint64(i)*pieceSize, pieceSize)
	if err != nil {
		return piece{}, err
	}
	return pieceOf(raw), nil
}

// docText returns the text of a document.
func (t *tables) docText(i uint32) (string, error) {
	d, err := t.doc(i)
	if err != nil {
		return "", err
	}
	raw, err := bytes(t.texts, d.text, int(d.length))
	return string(raw), err
}

// pieceText returns the text of a piece.
func (t *tables) pieceText(i uint32) (string, error) {
	p, err := t.piece(i)
	if err != nil {
		return "", err
	}
	raw, err := bytes(t.texts, p.text, int(p.length))
	return string(raw), err
}

// docName returns the name of a document and its title.
func (t *tables) docName(i uint32) (name, title string, err error) {
	d, err := t.doc(i)
	if err != nil {
		return "", "", err
	}
	raw, err := bytes(t.names, d.name, int(d.nameLen+d.titleLen))
	if err != nil {
		return "", "", err
	}
	return string(raw[:d.nameLen]), string(raw[d.nameLen:]), nil
}

// pieceName returns the name of a piece and the title of its document.
func (t *tables) pieceName(i uint32) (name, title string, err error) {
	p, err := t.piece(i)
	if err != nil {
		return "", "", err
	}
	d, err := t.doc(p.doc)
	if err != nil {
		return "", "", err
	}
	if name, title, err = t.docName(p.doc); d.pieces > 1 {
		name = pieceLabel(name, int(p.number))
	}
	return name, title, err
}

// pieceLabel names a piece of a document that has several.
func pieceLabel(name string, number int) string { return fmt.Sprintf("%s#%d", name, number) }

// addPrint appends what a text is compared by to the files of that name.
func (s *store) addPrint(name string, p *minhash.Print) error {
	if _, err := s.add(name+sumsFile, p.Sum[:sumSize]); err != nil {
		return err
	}
	raw := make([]byte, 0, signatureSize)
	for _, x := range p.Signature {
		raw = binary.LittleEndian.AppendUint32(raw, x)
	}
	_, err := s.add(name+signaturesFile, raw)
	return err
}

// The bytes of an entry in sumsFile and signaturesFile.
const (
	sumSize       = 16
	signatureSize = 4 * len(minhash.Signature{})
)

// eachPiece calls yield with all n pieces.
func (t *tables) eachPiece(n int, yield func(i uint32, p piece)) error {
	in, raw := bufio.NewReaderSize(io.NewSectionReader(t.pieces, 0, int64(n)*pieceSize), 1<<20), make([]byte, pieceSize)
	for i := range uint32(n) {
		if _, err := io.ReadFull(in, raw); err != nil {
			return err
		}
		yield(i, pieceOf(raw))
	}
	return nil
}
