package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"spell/tensor/jsonfile"
	"spell/tensor/signature"
)

// readJSON reads a file's text into v. The error names the line or the field in plain words.
func readJSON(raw []byte, v any) error {
	raw = jsonfile.Standard(raw)
	err := json.Unmarshal(raw, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		if other := signature.Check(raw); other != nil {
			return other
		}
		before := raw[:min(len(raw), max(0, int(syntax.Offset)-1))]
		return fmt.Errorf("not valid JSON at line %d: the file is damaged, or another one; copy it again",
			bytes.Count(before, []byte("\n"))+1)
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("a JSON %s, not an object with fields; copy the file again", kind.Value)
	case errors.As(err, &kind):
		what := article(kind.Value)
		if number, ok := strings.CutPrefix(kind.Value, "number "); ok {
			what = jsonfile.Number(number)
		}
		return fmt.Errorf("%s is %s, which it cannot be; mend the field", kind.Field, what)
	}
	return err
}

// article returns a word with its article.
func article(word string) string {
	if strings.ContainsRune("aeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}
