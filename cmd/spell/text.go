package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"spell/tensor/atomicfile"
)

// maxText bounds a text that is read, so that an endless file ends in an error.
const maxText = 1 << 30

// byteOrderMark is what some editors write in front of a text.
const byteOrderMark = "\ufeff"

// textFlags are the two ways to give a command a text: on the command line, or in a file.
type textFlags struct {
	flag       string // the name of the one that holds the text
	text, file string
}

// given counts those of a command's flags that the user gave.
func given(cmd *cobra.Command, flags ...string) int {
	n := 0
	for _, f := range flags {
		if cmd.Flags().Changed(f) {
			n++
		}
	}
	return n
}

// read returns the text: of the flag, of the file, or of standard input. It refuses what is empty
// or no UTF-8.
func (t *textFlags) read(cmd *cobra.Command) (string, error) {
	if t.file == "" && t.text != "-" {
		return checkText("--"+t.flag, t.text)
	}
	raw, name, err := readInput(cmd, t.file)
	if err != nil {
		return "", err
	}
	raw = bytes.TrimPrefix(raw, []byte(byteOrderMark))
	if line, ended := bytes.CutSuffix(raw, []byte("\n")); ended {
		raw = bytes.TrimSuffix(line, []byte("\r"))
	}
	return checkText(name, string(raw))
}

func checkText(name, text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("%s has no text", name)
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return "", fmt.Errorf("%s is not UTF-8 text: byte %d is %#02x; convert it", name, i+1, text[i])
			}
		}
	}
	return text, nil
}

// readInput returns what a file holds, or standard input if its name is - or empty, and how to call
// it in an error.
func readInput(cmd *cobra.Command, file string) (raw []byte, name string, err error) {
	in := cmd.InOrStdin()
	name = "standard input"
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, file, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, file, fmt.Errorf("%s is a folder; name a file in it", file)
		}
		in, name = f, file
	}
	raw, err = io.ReadAll(io.LimitReader(in, maxText+1))
	switch {
	case err != nil:
		err = fmt.Errorf("reading %s: %w", name, atomicfile.Cause(err))
	case len(raw) > maxText:
		err = fmt.Errorf("%s is longer than %d bytes; give a part of it", name, maxText)
	}
	return raw, name, err
}
