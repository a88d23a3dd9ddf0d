// Package signature knows what lies in the place of a model's file when a download, a clone or a copy
// went wrong, by how it begins.
package signature

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// signatures are how such files begin, in lower case.
var signatures = []struct{ begins, what string }{
	{"version https://git-lfs.github.com/spec/", "it is a Git LFS pointer, not the file that it stands for; run git " +
		"lfs pull in its folder, or download the file"},
	{"<!doctype html", webPage},
	{"<html", webPage},
	{"pk\x03\x04", "it is a zip archive; unpack it or, if torch.save wrote it, save the model as safetensors"},
}

const webPage = "it is a web page, not the file; download the file itself, logged in if the model asks for it"

// Check returns an error that says what a file is and what to do about it, if it is none that any
// format of a model has.
func Check(file []byte) error {
	if len(file) == 0 {
		return errors.New("it is empty; download it again")
	}
	head := bytes.ToLower(bytes.TrimLeft(file[:min(len(file), 512)], "\ufeff \t\r\n"))
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.begins)) {
			return errors.New(s.what)
		}
	}
	return nil
}

// Link returns an error if path is a link to what is not there, as caches of models leave them behind.
func Link(path string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return nil
	}
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return fmt.Errorf("it is a link to %s, which is not there; download the model again", target)
}
