package chat

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spell/tensor/fixture"
	"spell/tokenizer"
)

// folder makes a model's folder with a small tokenizer and, if there is one, a template.
func folder(t testing.TB, template string) string {
	t.Helper()
	dir := t.TempDir()
	tok, err := tokenizer.Train(slices.Values([]string{"user assistant think hello"}), tokenizer.TrainOptions{
		VocabSize: 270, Special: []string{"<|im_start|>", "<|im_end|>"}, Pattern: tokenizer.Qwen2})
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if template != "" {
		config, err := json.Marshal(map[string]any{"chat_template": template, "bos_token": "<|im_start|>"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), config, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}" +
	"{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

func TestUser(t *testing.T) {
	for _, c := range []struct {
		template string
		parts    []string
		want     []string // with special tokens in brackets
		thinks   bool
	}{
		{"", []string{"a <|im_end|>", "b"}, []string{"a <|im_end|>", "b"}, false},
		{chatml, []string{"  hi"}, []string{"[<|im_start|>]user\nhi[<|im_end|>]\n[<|im_start|>]assistant\n"}, false},
		{chatml, []string{"docs\n", "ask\ufdd1 "}, []string{"[<|im_start|>]user\ndocs\n", "ask\ufdd1[<|im_end|>]\n[<|im_start|>]assistant\n"}, false},
		{chatml + "<think>\n\n", []string{"x<|im_end|>", "y"}, []string{"[<|im_start|>]user\nx<|im_end|>", "y[<|im_end|>]\n[<|im_start|>]assistant\n<think>\n"}, true},
	} {
		d, err := Open(folder(t, c.template))
		if err != nil {
			t.Fatal(err)
		}
		ids, err := d.User(c.parts...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, part := range ids {
			var b strings.Builder
			for _, id := range part {
				text := string(d.Tok.TokenBytes(id))
				if special, ok := d.Tok.Special(text); ok && special == id {
					text = "[" + text + "]"
				}
				b.WriteString(text)
			}
			got = append(got, b.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.parts, got, c.want)
		}
		if thinks, err := d.Thinks(); thinks != c.thinks || err != nil {
			t.Errorf("%q thinks: %v, %v", c.template, thinks, err)
		}
	}
}

// TestUserAsTransformers checks that the ids of one part are those
// of the rendered text with its special tokens.
func TestUserAsTransformers(t *testing.T) {
	for name, dir := range map[string]func(t *testing.T) string{
		"small":    func(t *testing.T) string { return folder(t, chatml) },
		"qwen3":    func(t *testing.T) string { return fixture.Path(t, "tokenizers/qwen3") },
		"llama3_1": func(t *testing.T) string { return fixture.Path(t, "tokenizers/llama3_1") },
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Open(dir(t))
			if err != nil {
				t.Fatal(err)
			}
			d.Now = time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)
			messages := []Message{{Role: "user", Content: "  Who? \n"}}
			text, err := d.Template.Render(Context{Messages: messages, AddGenerationPrompt: true, Now: d.Now})
			if err != nil {
				t.Fatal(err)
			}
			ids, err := d.User("  Who? \n")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(ids[0], d.Tok.EncodeSpecial(text)) {
				t.Errorf("%v, want the ids of %q", ids[0], text)
			}
		})
	}
}

// TestUserSpans: the spans of the first part's ids are what these stand for, cover the part, and leave out what
// the template puts before it; the ids are those of User.
func TestUserSpans(t *testing.T) {
	for _, c := range []struct {
		template     string
		parts        []string
		before       int // ids of what stands before the part
		first, trail string
	}{
		{"", []string{"a <|im_end|>", "b"}, 0, "a <|im_end|>", ""},
		{chatml, []string{"  hi \n"}, 3, "hi", " \n"},
		{chatml, []string{"\n docs docs\n", "ask"}, 3, "docs docs\n", ""},
		{chatml, []string{"user\nx<|im_end|> \ufdd0", "y"}, 3, "user\nx<|im_end|> \ufdd0", ""},
	} {
		d, err := Open(folder(t, c.template))
		if err != nil {
			t.Fatal(err)
		}
		ids, spans, err := d.UserSpans(c.parts...)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := d.User(c.parts...); err != nil || !reflect.DeepEqual(ids, want) || len(spans) < len(ids[0]) {
			t.Fatalf("%q: %v and %d spans, %v, want %v", c.parts, ids, len(spans), err, want)
		}
		text, before := "", 0
		for i, id := range ids[0] {
			s := spans[i]
			if s.Start == s.End {
				before++
				continue
			}
			part := c.parts[0][s.Start:s.End]
			if token := string(d.Tok.TokenBytes(id)); token != part && !strings.HasPrefix(token, part) {
				t.Errorf("%q: id %d is %q and its span %q", c.parts, i, token, part)
			}
			text += part
		}
		if text != c.first || before < c.before || !strings.HasSuffix(c.parts[0], text+c.trail) {
			t.Errorf("%q: the spans cover %q of it after %d ids", c.parts, text, before)
		}
	}
}

func TestUserErrors(t *testing.T) {
	for template, want := range map[string]string{
		"{{ messages[0].content }}{{ messages[0].content }}": "not in the prompt exactly once",
		"{{ raise_exception('no ' ~ messages[0].role) }}":    "no user",
	} {
		d, err := Open(folder(t, template))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.User("a", "b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", template, err, want)
		}
	}
	d, err := Open(folder(t, chatml))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for r := rune(0xfdd1); r <= 0xfdef; r++ {
		all.WriteRune(r)
	}
	if _, err := d.User(all.String()); err == nil || !strings.Contains(err.Error(), "noncharacter") {
		t.Errorf("error %v, want one about noncharacters", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder gives %v", err)
	}
}

func TestDialogSave(t *testing.T) {
	dir := folder(t, chatml)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := d.Save(to); err != nil {
		t.Fatal(err)
	}
	again, err := Open(to)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.User("hello")
	if err != nil {
		t.Fatal(err)
	}
	b, err := again.User("hello")
	if err != nil || !slices.Equal(a[0], b[0]) {
		t.Errorf("saved: %v, %v; before %v", b, err, a)
	}
	err = d.Save(filepath.Join(to, "missing", "folder"))
	if err == nil || !strings.Contains(err.Error(), "tokenizer.json") {
		t.Errorf("error %v, want one that names tokenizer.json", err)
	}
}
