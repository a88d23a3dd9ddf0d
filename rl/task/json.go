package task

import (
	"encoding/json"
	"strings"
)

// fields are the fields of a questioner's reply in JSON.
type fields map[string]json.RawMessage

// get returns a field, whose name may be in capitals.
func (f fields) get(name string) json.RawMessage {
	if raw, ok := f[name]; ok {
		return raw
	}
	var found json.RawMessage
	least := ""
	for other, raw := range f {
		if strings.EqualFold(other, name) && (found == nil || other < least) {
			found, least = raw, other
		}
	}
	return found
}

// questionFromJSON reads the object in the last block of JSON that can be read; see object. Fields beyond the
// ones asked for are allowed.
func questionFromJSON(s *spec, text string) (q Question, ok bool) {
	f, ok := object(text)
	if !ok {
		return q, false
	}
	if q.Text, ok = jsonString(f.get("question")); !ok {
		return q, false
	}
	q.Text = strings.TrimSpace(q.Text)
	return q, s.fromJSON(f, &q)
}

// textOrNumber returns a field that is a string, or the text of one that is a number.
func (f fields) textOrNumber(name string) (string, bool) {
	raw := f.get(name)
	if s, ok := jsonString(raw); ok {
		return s, true
	}
	return jsonNumber(raw)
}

// object finds the JSON object of a reply: in the last of its fenced blocks that can be read; else the reply is
// the object; else it is the last one in the prose. What is read may be dressed as models do it; see undress. A
// list of one object stands for the object, and any other value is none.
func object(text string) (f fields, ok bool) {
	for _, candidates := range []func(string) []string{fenced, whole, objects} {
		all := candidates(text)
		for i := len(all) - 1; i >= 0; i-- {
			if raw := undress(all[i]); json.Valid(raw) {
				var list []fields
				if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
					return list[0], list[0] != nil
				}
				return f, json.Unmarshal(raw, &f) == nil && f != nil
			}
		}
	}
	return nil, false
}

func whole(text string) []string { return []string{text} }

// fenced returns the blocks between ``` or ~~~ that say they are JSON or say nothing. The last may lack its end. Blocks
// do not overlap, so the search is linear.
func fenced(text string) (blocks []string) {
	for _, fence := range []string{"```", "~~~"} {
		for rest := text; ; {
			_, body, open := strings.Cut(rest, fence)
			if !open {
				break
			}
			var block string
			block, rest, _ = strings.Cut(body, fence)
			block = strings.TrimLeft(block, " \t\r\n")
			if len(block) >= 4 && strings.EqualFold(block[:4], "json") {
				block = strings.TrimLeft(block[4:], "5cC")
			} else if block == "" || block[0] != '{' && block[0] != '[' {
				continue // of another language, or prose between two blocks
			}
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// maxTries bounds the braces of prose that are taken for the beginning of an object and never close.
const maxTries = 32

// objects returns the texts between braces that may be objects, the outermost alone.
func objects(text string) (all []string) {
	tries := 0
	for at := 0; at < len(text) && tries < maxTries; {
		next := strings.IndexByte(text[at:], '{')
		if next < 0 {
			break
		}
		at += next
		inner := strings.TrimLeft(text[at+1:], " \t\r\n")
		if inner == "" || !strings.ContainsRune("\"'“}", firstRune(inner)) {
			at++
			continue
		}
		end := objectEnd(text[at:])
		if end < 0 {
			tries++
			at++
			continue
		}
		all = append(all, text[at:at+end])
		at += end
	}
	return all
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// objectEnd returns where the object that s begins with ends, or −1. Braces in double quotes do not count.
func objectEnd(s string) int {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
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
