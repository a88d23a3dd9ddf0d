package sft

import (
	"context"
	"fmt"

	"spell/rl/records"
	"spell/tokenizer/chat"
)

// A File is a file of prompts and answers as it was read.
type File struct {
	Path  string
	Unit  string // what the numbers of the lines count: "line" or "row"
	Lines []Line
	sum   string // of its bytes
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
	f := &File{Path: path, Unit: "line"}
	r := records.Reader{
		Known:   func(fields map[string]any) bool { return len(layoutsOf(fields)) > 0 },
		Columns: columns, Form: form,
		Record: func(at records.Place, v any) error {
			f.Unit = at.Unit
			if err := ctx.Err(); err != nil {
				return err
			}
			line, err := recognise(v)
			if err != nil {
				return fmt.Errorf("%v: %w", at, err)
			}
			line.Number = at.Number
			f.Lines = append(f.Lines, line)
			return nil
		},
		Bad: func(at records.Place, err error) error { return fmt.Errorf("%v: %w", at, err) },
	}
	var err error
	if f.sum, err = r.Read(path); err != nil {
		return nil, err
	}
	if len(f.Lines) == 0 {
		return nil, fmt.Errorf("%s holds no lines; %s on each", path, form)
	}
	return f, nil
}

// at says where in the file an error is.
func (f *File) at(number int, err error) error {
	return fmt.Errorf("%v: %w", records.Place{Path: f.Path, Unit: f.Unit, Number: number}, err)
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
