package sft

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"unicode/utf8"

	"spell/tokenizer/chat"
)

// A File is a file of prompts and answers as it was read.
type File struct {
	Path  string
	Lines []Line
	sum   string // of its bytes
}

// A Line is one conversation. It has at least one turn of the assistant, which is what is learned, and none that is
// empty or stands first.
type Line struct {
	Number int // in the file, from 1
	Turns  []chat.Message
	plain  bool // a prompt and its answer, which need no chat template
}

// form is what a line may look like.
const form = `write {"prompt": "…", "answer": "…"} or {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}`

// Read reads a file of JSON objects, one a line: {"prompt": …, "answer": …}, or {"messages": [{"role": …, "content": …}, …]}
// with the roles system, user and assistant. Other fields are left alone, and so are empty lines. Errors name file and line.
func Read(path string) (*File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	f := &File{Path: path, sum: hex.EncodeToString(sum[:])}
	number := 0
	for text := range bytes.Lines(bytes.TrimPrefix(raw, []byte("\ufeff"))) {
		number++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		line, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, number, err)
		}
		line.Number = number
		f.Lines = append(f.Lines, line)
	}
	if len(f.Lines) == 0 {
		return nil, fmt.Errorf("%s holds no lines; %s on each", path, form)
	}
	return f, nil
}

func parse(text []byte) (Line, error) {
	var in struct {
		Prompt   *string `json:"prompt"`
		Answer   *string `json:"answer"`
		Messages []struct {
			Role    string          `json:"role"`
			Content *string         `json:"content"`
			Tools   json.RawMessage `json:"tool_calls"`
		} `json:"messages"`
	}
	if !utf8.Valid(text) {
		return Line{}, errors.New("the text is not UTF-8; convert the file")
	}
	if err := json.Unmarshal(text, &in); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return Line{}, fmt.Errorf("%s is a JSON %s where text or a list is wanted; %s", kind.Field, kind.Value, form)
		} else if errors.As(err, &kind) {
			return Line{}, fmt.Errorf("this is a JSON %s and no object; %s", kind.Value, form)
		}
		return Line{}, fmt.Errorf("this is not JSON (%w); %s, one object a line", err, form)
	}
	pair := in.Prompt != nil || in.Answer != nil
	switch {
	case pair == (in.Messages != nil):
		return Line{}, fmt.Errorf("this has neither or both of the two forms; %s", form)
	case pair && (in.Prompt == nil || in.Answer == nil):
		return Line{}, fmt.Errorf("prompt or answer is missing; %s", form)
	case pair && *in.Answer == "":
		return Line{}, errors.New("the answer is empty; there is nothing to learn: remove the line")
	case pair:
		return Line{Turns: []chat.Message{{Role: "user", Content: *in.Prompt}, {Role: "assistant", Content: *in.Answer}}, plain: true}, nil
	}
	var l Line
	learned := false
	for i, m := range in.Messages {
		switch m.Role {
		case "system", "user":
		case "assistant":
			learned = true
			if m.Content != nil && *m.Content == "" {
				return Line{}, fmt.Errorf("message %d, of the assistant, is empty; there is nothing to learn: remove the line", i+1)
			}
			if i == 0 {
				return Line{}, errors.New("the assistant speaks first; a user's message must come before")
			}
		default:
			return Line{}, fmt.Errorf("message %d has the role %q; use system, user or assistant", i+1, m.Role)
		}
		if m.Content == nil || len(m.Tools) > 0 && string(m.Tools) != "null" {
			return Line{}, fmt.Errorf("message %d has no content or calls tools; messages must be text", i+1)
		}
		l.Turns = append(l.Turns, chat.Message{Role: m.Role, Content: *m.Content})
	}
	if !learned {
		return Line{}, errors.New("no message is the assistant's; there is nothing to learn: remove the line")
	}
	return l, nil
}
