package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote returns the bytes that a valid JSON value stands for if it is a string. Unlike
// encoding/json it keeps bytes that are no UTF-8; half a surrogate pair is an error.
func unquote(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return nil, errors.New("this is not a JSON string; write a JSON string per line, or give --raw for plain text")
	}
	raw = raw[1 : len(raw)-1]
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			text = append(text, raw[i])
			i++
			continue
		}
		if raw[i+1] != 'u' {
			text = append(text, simple[raw[i+1]])
			i += 2
			continue
		}
		r := escaped(raw[i:])
		n := 6
		if utf16.IsSurrogate(r) {
			if r = utf16.DecodeRune(r, escaped(raw[i+n:])); r == utf8.RuneError {
				return nil, fmt.Errorf("%s is half a surrogate pair, which is no character; "+
					"write both halves, or the character itself", raw[i:i+n])
			}
			n = 12
		}
		text = utf8.AppendRune(text, r)
		i += n
	}
	return text, nil
}

// simple are the escapes of one letter.
var simple = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped returns the code unit of an escape \uXXXX at the beginning of raw; -1 if there is none.
func escaped(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
