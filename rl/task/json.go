package task

import (
	"encoding/json"
	"strings"
)

// fields are the fields of a questioner's reply in JSON.
type fields map[string]json.RawMessage

// questionFromJSON reads the last fenced json block that parses, or else the whole text as JSON.
// Fields beyond the ones asked for are allowed.
func questionFromJSON(s *spec, text string) (q Question, ok bool) {
	var f fields
	if json.Unmarshal([]byte(lastJSON(text)), &f) != nil {
		return q, false
	}
	if q.Text, ok = jsonString(f["question"]); !ok {
		return q, false
	}
	q.Text = strings.TrimSpace(q.Text)
	return q, s.fromJSON(f, &q)
}

// phrase returns the cleaned text of a field that is a string.
func (f fields) phrase(name string) (string, bool) {
	s, ok := jsonString(f[name])
	return cleanAnswer(s), ok
}

// textOrNumber returns a field that is a string, or the text of one that is a number.
func (f fields) textOrNumber(name string) (string, bool) {
	if s, ok := jsonString(f[name]); ok {
		return s, true
	}
	return jsonNumber(f[name])
}

// lastJSON returns the last ```json block that is valid JSON, or all of the text. Blocks do not
// overlap, so the search is linear.
func lastJSON(text string) string {
	const fence = "```"
	var blocks []string
	for rest := text; ; {
		_, body, open := strings.Cut(rest, fence+"json")
		block, after, closed := strings.Cut(body, fence)
		if !open || !closed {
			break
		}
		blocks = append(blocks, block)
		rest = after
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		if json.Valid([]byte(blocks[i])) {
			return blocks[i]
		}
	}
	return text
}

// jsonString decodes a JSON string; null and every other type are refused.
func jsonString(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// jsonNumber returns a JSON number as it was written.
func jsonNumber(raw json.RawMessage) (string, bool) {
	ok := len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9')
	return string(raw), ok
}
