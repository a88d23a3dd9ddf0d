package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"spell/tensor/jsonfile"
)

// parseIDs reads token ids that are separated by commas, in brackets or not.
func parseIDs(list string) ([]int32, error) {
	list = strings.TrimSpace(list)
	if within, ok := strings.CutPrefix(list, "["); ok && strings.HasSuffix(within, "]") { // as tokenize prints them
		list = strings.TrimSuffix(within, "]")
	}
	if strings.TrimSpace(list) == "" {
		return nil, errors.New("--ids has no token ids; write them separated by commas, as 1,2,3")
	}
	var ids []int32
	for _, s := range strings.Split(list, ",") {
		v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("--ids: %q is not a token id; write them separated by commas, as 1,2,3", s)
		}
		ids = append(ids, int32(v))
	}
	return ids, nil
}

// readIDs returns the token ids of a JSON file, or of standard input, and how to call it in an
// error.
func readIDs(cmd *cobra.Command, file string) (ids []int32, name string, err error) {
	raw, name, err := readInput(cmd, file)
	if err != nil {
		return nil, name, err
	}
	raw = bytes.TrimSpace(jsonfile.Standard(raw))
	list := json.RawMessage(raw)
	if bytes.HasPrefix(raw, []byte("{")) {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, name, fmt.Errorf("%s is not valid JSON: %w", name, plainJSON(raw, err))
		}
		list = object["ids"]
	}
	if len(list) > 0 {
		if ids, err = decodeIDs(list); err != nil {
			return nil, name, fmt.Errorf("%s is neither [token ids] nor {\"ids\": [token ids]}, once: %w", name, err)
		}
	}
	if len(ids) == 0 {
		return nil, name, fmt.Errorf("%s holds no ids; write [1, 2, 3] or {\"ids\": [1, 2, 3]}", name)
	}
	return ids, name, nil
}

// decodeIDs reads a JSON array of token ids.
func decodeIDs(raw []byte) ([]int32, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, plainJSON(raw, err)
	}
	ids := make([]int32, len(list))
	for i, v := range list {
		n, err := strconv.ParseInt(string(v), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("value %d of the array is %.40s, and a token id is a whole number", i+1, v)
		}
		ids[i] = int32(n)
	}
	return ids, nil
}

// plainJSON says an error of reading raw as a JSON array in plain words.
func plainJSON(raw []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("it is a JSON %s and no array", strings.Fields(kind.Value)[0])
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax) && int(syntax.Offset) >= len(raw) &&
		strings.HasPrefix(syntax.Error(), "unexpected end"):
		return errors.New("it ends in the middle of a value")
	case errors.As(err, &syntax) && int(syntax.Offset) <= len(raw):
		before := raw[:max(0, int(syntax.Offset)-1)]
		return fmt.Errorf("line %d is not JSON from %.20q on", bytes.Count(before, []byte("\n"))+1, raw[len(before):])
	}
	return err
}

// checkIDs refuses ids of a text or file, called name, that the model in dir cannot take.
func checkIDs(name, dir string, ids []int32, vocab, context int) error {
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("%s holds token %d, and the vocabulary has %d: the ids of %s go from 0 to %d",
				name, id, vocab, dir, vocab-1)
		}
	}
	if len(ids) > context {
		return fmt.Errorf("%s has %d tokens, beyond the model's context of %d; give a part of it",
			name, len(ids), context)
	}
	return nil
}
