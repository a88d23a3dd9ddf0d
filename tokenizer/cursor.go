package tokenizer

import (
	"encoding/json"
	"strconv"
)

// cursor walks JSON that encoding/json has found well formed. Vocabularies hold hundreds
// of thousands of short strings; reading them here saves most of the time to load a file.
type cursor struct {
	data []byte
	at   int
}

// peek returns the byte the next token begins with, 0 at the end.
func (c *cursor) peek() byte {
	for c.at < len(c.data) {
		switch b := c.data[c.at]; b {
		case ' ', '\t', '\n', '\r', ',', ':':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// open steps into an array or object that begins with bracket; false if it is none.
func (c *cursor) open(bracket byte) bool {
	if c.peek() != bracket {
		return false
	}
	c.at++
	return true
}

// closed steps out of an array or object if nothing is left in it.
func (c *cursor) closed() bool {
	switch c.peek() {
	case ']', '}':
		c.at++
		return true
	case 0:
		return true
	}
	return false
}

// text reads a string; false if the next token is none. The result may alias the data.
func (c *cursor) text() ([]byte, bool) {
	if c.peek() != '"' {
		return nil, false
	}
	start, escaped := c.at, false
	for c.at++; c.at < len(c.data) && c.data[c.at] != '"'; c.at++ {
		if c.data[c.at] == '\\' {
			escaped = true
			c.at++
		}
	}
	c.at++
	if !escaped {
		return c.data[start+1 : c.at-1], true
	}
	var s string
	err := json.Unmarshal(c.data[start:c.at], &s)
	return []byte(s), err == nil
}

// integer reads a whole number that fits 64 bits; false if the next token is none. The
// word it found is returned for the error.
func (c *cursor) integer() (n int64, word string, ok bool) {
	c.peek()
	start := c.at
	for c.at < len(c.data) {
		switch c.data[c.at] {
		case ' ', '\t', '\n', '\r', ',', ':', ']', '}':
		default:
			c.at++
			continue
		}
		break
	}
	n, err := strconv.ParseInt(string(c.data[start:c.at]), 10, 64)
	if err != nil {
		return 0, string(c.data[start:c.at]), false
	}
	return n, "", true
}
