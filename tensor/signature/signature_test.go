package signature

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "it is empty"},
		{"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 11422654\n", "a Git LFS pointer"},
		{"<!DOCTYPE html>\n<html>…", "a web page"},
		{"\ufeff\r\n<HTML lang=en>", "a web page"},
		{"PK\x03\x04\x00", "a zip archive"},
		{`{"model_type": "llama"}`, ""},
		{"\xff\xfe{\x00", ""},
		{"GGUF\x03", ""},
		{"version", ""},
		{strings.Repeat(" ", 1000) + "<html", ""}, // beyond what is looked at
	} {
		err := Check([]byte(c.file))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %v; want %q", c.file, err, c.want)
		}
	}
}

func TestLink(t *testing.T) {
	dir := t.TempDir()
	for name, target := range map[string]string{"whole": ".", "broken": "../blobs/1234"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	for name, want := range map[string]string{"whole": "", "broken": "a link to ../blobs/1234", "absent": "", ".": ""} {
		err := Link(filepath.Join(dir, name))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
}
