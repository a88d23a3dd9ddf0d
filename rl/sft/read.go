package sft

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"spell/rl/jsonl"
	"spell/tensor/jsonfile"
	"spell/tokenizer/chat"
)

// A File is a file of prompts and answers as it was read.
type File struct {
	Path  string
	Unit  string // what the numbers of the lines count: "line" or "row"
	Lines []Line
	sum   string       // of its bytes
	heed  func() error // returns an error once reading is to end
}

// A Line is one conversation. At least one turn is learned; the first one is not the assistant's,
// and no two of the assistant's follow each other.
type Line struct {
	Number  int // in the file, from 1
	Turns   []chat.Message
	Learned []int  // the turns that are learned, in ascending order: all are the assistant's and not empty
	needs   string // what in the line needs a chat template; empty for a prompt and its answer
}

// form is how a line may be written.
const form = `write {"prompt": "…", "answer": "…"} or ` +
	`{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}`

// Read reads a file of conversations: one JSON object per line, a JSON list of objects or an object
// that holds one in "data", CSV with a header, or Parquet, each of them in gzip or not. What a file
// is follows from its bytes. Errors name the file and the line or row, but for that of the context.
//
// An object, or a row, has exactly one of these layouts, and other fields are left alone:
//   - prompt and answer, completion or response; question and answer; input and output. Each is
//     text or a list of messages, of which those of the former are read and not learned.
//   - messages or conversations: a list of {"role": …, "content": …} or {"from": …, "value": …}
//     with the roles system (developer), user (human) and assistant (gpt). A message of weight 0, or
//     with train or training false, is not learned.
//   - instruction, input and output, as in Alpaca: input, if there is any, follows the instruction
//     after an empty line, and the pairs of history come before.
//
// A field system, if it is not empty, is a system message before all others.
func Read(ctx context.Context, path string) (*File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	f := &File{Path: path, Unit: "line", sum: hex.EncodeToString(sum[:]), heed: ctx.Err}
	if err := f.read(raw); err != nil {
		return nil, err
	}
	if len(f.Lines) == 0 {
		return nil, fmt.Errorf("%s holds no lines; %s on each", path, form)
	}
	return f, nil
}

// signatures are how files begin that are refused by name.
var signatures = []struct{ begins, name, mend string }{
	{"PK\x03\x04", "a zip archive", "unpack it"},
	{"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it with zstd -d"},
	{"\xfd7zXZ\x00", "compressed by xz", "unpack it with xz -d"},
	{"BZh", "compressed by bzip2", "unpack it with bzip2 -d"},
	{"ARROW1", "an Arrow file", "save it as Parquet"},
	{"\xff\xfe", "UTF-16", "save it as UTF-8"},
	{"\xfe\xff", "UTF-16", "save it as UTF-8"},
	{"{\x00", "UTF-16", "save it as UTF-8"},
	{"[\x00", "UTF-16", "save it as UTF-8"},
	{"\x00{", "UTF-16", "save it as UTF-8"},
	{"\x00[", "UTF-16", "save it as UTF-8"},
}

// read takes the lines out of the bytes of a file.
func (f *File) read(raw []byte) error {
	if bytes.HasPrefix(raw, []byte("\x1f\x8b")) {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err == nil {
			raw, err = io.ReadAll(z)
		}
		if err != nil {
			return fmt.Errorf("%s cannot be unpacked by gzip (%w); copy it again", f.Path, err)
		}
	}
	for _, s := range signatures {
		if bytes.HasPrefix(raw, []byte(s.begins)) {
			return fmt.Errorf("%s is %s; %s", f.Path, s.name, s.mend)
		}
	}
	if bytes.HasPrefix(raw, []byte("PAR1")) {
		return f.parquet(raw)
	}
	text := bytes.TrimPrefix(raw, []byte("\ufeff"))
	switch begin := bytes.TrimSpace(text); {
	case isDocument(begin):
		return f.document(text)
	case len(begin) > 0 && begin[0] != '{' && f.isTable(text):
		return f.table(text)
	}
	return f.lines(text)
}

// lines reads one JSON object per line. Empty lines are left out.
func (f *File) lines(text []byte) error {
	number := 0
	for line := range bytes.Lines(jsonfile.Standard(text)) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		v, err := jsonl.Parse(line)
		if err != nil {
			return f.at(number, unreadable(err, "one object per line"))
		}
		if err := f.add(number, v); err != nil {
			return err
		}
	}
	return nil
}

// isDocument reports whether a text, without white space around it, is one JSON value and not one
// per line: it is a list, a single object that holds a list in "data", or it is spread over lines
// none of the first two of which is a value.
func isDocument(text []byte) bool {
	if len(text) == 0 || text[0] != '{' {
		return len(text) > 0 && text[0] == '['
	}
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if rest = bytes.TrimSpace(rest); len(rest) == 0 {
		v, err := jsonl.Parse(first)
		_, ok := wrapped(v)
		return err == nil && ok
	}
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	for _, line := range [][]byte{first, second} {
		if _, err := jsonl.Parse(line); err == nil {
			return false
		}
	}
	return rest[0] != '{' // a line that ended too early, and another one
}

// wrapped returns the list in the field data of an object that is no line by itself.
func wrapped(v any) ([]any, bool) {
	fields, _ := v.(map[string]any)
	rows, ok := fields["data"].([]any)
	return rows, ok && len(layoutsOf(fields)) == 0
}

// document reads one JSON value: a list of objects, an object that holds one, or an object alone.
func (f *File) document(text []byte) error {
	text = jsonfile.Standard(text)
	v, err := jsonl.Parse(text)
	if err != nil {
		line := 1
		if e := (*jsonl.Error)(nil); errors.As(err, &e) {
			line = e.Line(text)
		}
		return f.at(line, unreadable(err, "one object per line or all in one list"))
	}
	f.Unit = "row"
	rows, ok := v.([]any)
	if !ok {
		if rows, ok = wrapped(v); !ok {
			rows = []any{v}
		}
	}
	for i, row := range rows {
		if err := f.add(i+1, row); err != nil {
			return err
		}
	}
	return nil
}

// unreadable adds to the error of jsonl.Parse how objects are to be written, if that is what is
// wrong.
func unreadable(err error, how string) error {
	if e := (*jsonl.Error)(nil); errors.As(err, &e) && e.Syntax {
		return fmt.Errorf("this is not JSON, %w; %s, %s", err, form, how)
	}
	return err
}

// at says where in the file an error is.
func (f *File) at(number int, err error) error {
	return fmt.Errorf("%s, %s %d: %w", f.Path, f.Unit, number, err)
}

// add appends a line, whose fields are given.
func (f *File) add(number int, v any) error {
	if err := f.heed(); err != nil {
		return err
	}
	line, err := recognise(v)
	if err != nil {
		return f.at(number, err)
	}
	line.Number = number
	f.Lines = append(f.Lines, line)
	return nil
}

// bytes returns the size of the texts of all turns.
func (f *File) bytes() (n int64) {
	for _, l := range f.Lines {
		for _, t := range l.Turns {
			n += int64(len(t.Content))
		}
	}
	return n
}
