package sft

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"spell/tokenizer/chat"
)

// file writes and reads a file of lines.
func file(t testing.TB, lines ...string) *File {
	t.Helper()
	f, err := Read(write(t, strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	f := file(t, "\ufeff"+`{"prompt": "a", "answer": "b", "id": 7}`+"\r", "", `  {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": ""},`+
		` {"role": "assistant", "content": "x", "tool_calls": null}, {"role": "user", "content": "y"}]}`, "")
	want := []Line{
		{1, []chat.Message{{Role: "user", Content: "a"}, {Role: "assistant", Content: "b"}}, true},
		{3, []chat.Message{{Role: "system", Content: "s"}, {Role: "user"}, {Role: "assistant", Content: "x"}, {Role: "user", Content: "y"}}, false},
	}
	if !reflect.DeepEqual(f.Lines, want) {
		t.Errorf("%+v, want %+v", f.Lines, want)
	}
	if other := file(t, `{"prompt": "a", "answer": "b"}`); other.sum == f.sum || other.sum != file(t, `{"prompt": "a", "answer": "b"}`).sum {
		t.Error("the sum is not one of the bytes")
	}
}

// TestReadErrors: each is one sentence with the file, the line and what to write.
func TestReadErrors(t *testing.T) {
	const good = `{"prompt": "a", "answer": "b"}`
	for line, say := range map[string]string{
		`{"prompt": "a", "answer": `:      "not JSON",
		good + good:                       "one object a line",
		`["a", "b"]`:                      "no object",
		`"a"`:                             "no object",
		`{"prompt": 7, "answer": "b"}`:    "prompt is a JSON number",
		`{"messages": "hello"}`:           "messages is a JSON string",
		`{"prompt": "a"}`:                 "prompt or answer is missing",
		`{"prompt": null, "answer": "b"}`: "prompt or answer is missing",
		`{"prompt": "a", "answer": ""}`:   "answer is empty",
		`{"prompt": "a", "answer": "b", "messages": []}`: "both of the two forms",
		`{"question": "a"}`: "neither",
		`null`:              "neither",
		"{\"prompt\": \"\xff\", \"answer\": \"b\"}":                                                               "UTF-8",
		`{"messages": []}`:                                                                                        "no message is the assistant's",
		`{"messages": [{"role": "user", "content": "a"}]}`:                                                        "no message is the assistant's",
		`{"messages": [{"role": "assistant", "content": "a"}]}`:                                                   "speaks first",
		`{"messages": [{"role": "user"}]}`:                                                                        "message 1 has no content",
		`{"messages": [{"role": "user", "content": ["a"]}]}`:                                                      "content is a JSON array",
		`{"messages": [{"role": "tool", "content": "a"}]}`:                                                        `the role "tool"`,
		`{"messages": [{"content": "a"}]}`:                                                                        `the role ""`,
		`{"messages": [{"role":"user","content":"a"}, {"role": "assistant", "content": ""}]}`:                     "message 2, of the assistant, is empty",
		`{"messages": [{"role":"user","content":"a"}, {"role": "assistant", "content": "b", "tool_calls": [1]}]}`: "calls tools",
	} {
		path := write(t, good+"\n\n"+line+"\n"+good)
		_, err := Read(path)
		if err == nil {
			t.Errorf("%s is read", line)
			continue
		}
		for _, s := range []string{path + ", line 3: ", say} {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s gives %q, want %q in it", line, err, s)
			}
		}
	}
	for _, text := range []string{"", "\n \n"} {
		path := write(t, text)
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path+" holds no lines") {
			t.Errorf("a file without lines gives %v", err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.jsonl")); err == nil || !strings.Contains(err.Error(), "none.jsonl") {
		t.Errorf("a file that is not there gives %v", err)
	}
}
