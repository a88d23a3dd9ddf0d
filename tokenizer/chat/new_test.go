package chat

import (
	"slices"
	"strings"
	"testing"
)

// TestNew: a dialog of parts prompts as the folder that Save makes of it.
func TestNew(t *testing.T) {
	plain, err := Open(folder(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	special := map[string]string{"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "[PAD]"}
	for _, c := range []struct {
		templates map[string]string
		name      string
		want, err string
	}{
		{nil, "", "hi<|im_end|>", ""},
		{map[string]string{"default": "{{ bos_token }}{{ messages[0].content }}"}, "", "<|im_start|>hi<|im_end|>", ""},
		{map[string]string{"default": "D", "b": "B{{ messages[0].content }}"}, "b", "Bhi<|im_end|>", ""},
		{map[string]string{"a": "A{{ messages[0].content }}", "b": "B"}, "a", "Ahi<|im_end|>", ""},
		{map[string]string{"a": "A", "b": "B"}, "", "", "reading x.gguf: none of the model's chat templates"},
		{map[string]string{"default": "\n{% x %}"}, "", "", "x.gguf (chat template default): line 2"},
	} {
		d, err := New("x.gguf", plain.Tok, c.templates, special)
		if err == nil {
			d, err = d.Choose(c.name)
		}
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v: error %v, want %q", c.templates, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := d.Save(dir); err != nil {
			t.Fatal(err)
		}
		saved, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if saved, err = saved.Choose(c.name); err != nil {
			t.Fatal(err)
		}
		text, ids, err := d.Prompt("hi<|im_end|>")
		_, again, err2 := saved.Prompt("hi<|im_end|>")
		if err != nil || err2 != nil || text != c.want || !slices.Equal(ids, again) {
			t.Errorf("%v: %q, %v, %v; saved %v, %v, want %q", c.templates, text, ids, err, again, err2, c.want)
		}
		a, _ := d.End()
		if b, ok := saved.End(); !ok || a != b || d.Tok.Decode([]int32{a}) != "<|im_end|>" {
			t.Errorf("end %d, saved %d", a, b)
		}
	}
	if _, err := New("x.gguf", plain.Tok, nil, map[string]string{"bos": "x"}); err == nil {
		t.Error("a name that no template has is taken")
	}
}
