package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// readJSON turns one JSON value into a template value, with the keys of objects in their order.
func readJSON(data []byte) (value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readValue(d, 0)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more text after the JSON value")
	}
	return v, nil
}

func readValue(d *json.Decoder, depth int) (value, error) {
	if depth > MaxNesting {
		return nil, fmt.Errorf("the JSON nests more than %d deep", MaxNesting)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case bool:
		return t, nil
	case string:
		return t, nil
	case json.Number:
		return readNumber(t.String())
	case json.Delim:
		if t == '[' {
			return readArray(d, depth)
		}
		return readObject(d, depth)
	}
	return none{}, nil
}

func readNumber(s string) (value, error) {
	if strings.ContainsAny(s, ".eE") {
		f, _ := strconv.ParseFloat(s, 64) // what is too large is infinite, as in Python
		return f, nil
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the integer %.40s has more than 64 bits", s)
	}
	return i, nil
}

func readArray(d *json.Decoder, depth int) (value, error) {
	out := list{}
	for d.More() {
		v, err := readValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := d.Token()
	return out, err
}

func readObject(d *json.Decoder, depth int) (value, error) {
	out := newDict(0)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := readValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		out.setText(key.(string), v)
	}
	_, err := d.Token()
	return out, err
}
