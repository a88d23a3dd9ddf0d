package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spell/kernels/open"
	"spell/model"
	modelgguf "spell/model/gguf"
	"spell/tensor/fixture"
)

// peerMode names the variable that makes this test a peer: it answers from the GGUF file with our own
// decoder, or with "wrong" a token beside.
const peerMode = "GREEDY_PEER"

func TestMain(m *testing.M) {
	if mode := os.Getenv(peerMode); mode != "" {
		if err := beThePeer(mode, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func beThePeer(mode string, args []string) error {
	of := func(flag string) string { return args[slices.Index(args, flag)+1] }
	if mode == "failing" {
		return fmt.Errorf("unable to load %s", of("-m"))
	}
	b, err := open.Backend(open.Options{})
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := modelgguf.Open(of("-m"))
	if err != nil {
		return err
	}
	defer m.Close()
	w, err := m.Load(context.Background(), b, model.F32, model.Inference)
	if err != nil {
		return err
	}
	var prompt []int32
	for _, id := range token.FindAllStringSubmatch(of("-p"), -1) {
		n, _ := strconv.Atoi(id[1])
		prompt = append(prompt, int32(n))
	}
	length, _ := strconv.Atoi(of("-n"))
	ids, err := answer(b, w, prompt, length)
	if err != nil {
		return err
	}
	if mode == "wrong" {
		ids[1] = (ids[1] + 1) % int32(w.Vocab-1)
	}
	for _, id := range ids {
		fmt.Print(text(id))
	}
	fmt.Print(text(int32(w.Vocab-1)), " [end of text]\n")
	return nil
}

// TestRun compares a model with itself, with one that answers otherwise and with one that fails.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := open.Backend(open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	o := options{cli: self, prompts: 2, length: 5}
	for _, c := range []struct{ mode, folder, printed, err string }{
		{"same", "tiny/llama31", "10 tokens alike, 0 ties", ""},
		{"wrong", "tiny/llama31", "less likely by", ""},
		{"failing", "tiny/llama31", "", "unable to load"},
		{"same", "tiny/mistral", "not compared, ", ""},
	} {
		t.Setenv(peerMode, c.mode)
		var out strings.Builder
		o.folders = []string{fixture.Path(t, c.folder)}
		w, err := o.models(b)[0].load()
		if err != nil {
			t.Fatal(err)
		}
		same, err := compare(&out, &o, b, w, c.folder, t.TempDir()+"/model.gguf")
		w.Free()
		if !strings.Contains(out.String(), c.printed) || same != (c.mode == "same") ||
			(err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s of %s: %v, %v, printed %s", c.mode, c.folder, same, err, &out)
		}
	}
}

func TestParseFlags(t *testing.T) {
	o, err := parseFlags([]string{"-llama-cli", "x", "-flags", "-fa off", "a", "b"}, io.Discard)
	if err != nil || !slices.Equal(o.more, []string{"-fa", "off"}) || !slices.Equal(o.folders, []string{"a", "b"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for args, want := range map[string]string{"": "-llama-cli is missing", "-llama-cli x -length 0": "at least 1",
		"-llama-cli x": "root of the repository"} { // tests run in the package's folder
		if _, err := parseFlags(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %s", args, err, want)
		}
	}
}
