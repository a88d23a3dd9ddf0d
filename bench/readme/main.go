// Command readme makes the pieces of README.md that show the program at work: an exchange of one
// question, from a transcript, and a picture of the terminal.
//
//	go run ./bench/readme              # rewrites both
//
// It runs self-play over bench/documents on a terminal of its own until a step behind the first is half
// done. The exchange is the question of the first step of whose answers nearest to half are right by the rule,
// with everything that was said about it; the picture is the screen at the end.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"spell/bench/tool"
)

// The pieces stand between these lines of README.md.
const (
	begin = "<!-- exchange: go run ./bench/readme -->"
	end   = "<!-- end of exchange -->"
)

// documents is what is read.
const documents = "bench/documents"

func main() {
	readme := flag.String("readme", "README.md", "file with the lines between which the exchange goes")
	picture := flag.String("picture", "bench/readme/progress.svg", "file for the picture")
	flag.Parse()
	if err := run(*readme, *picture); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func run(readme, picture string) error {
	dir, err := os.MkdirTemp("", "spell-readme-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := tool.Build("", dir)
	if err != nil {
		return err
	}
	out := filepath.Join(dir, "run")
	train := exec.Command(program, "train", "--docs", documents, "--eval", "0", "--out", out)
	said, err := onTerminal(train, halfway)
	if err != nil {
		return fmt.Errorf("spell train: %w\n%s", err, said)
	}
	drawn := draw("$ spell train --docs "+documents, screenOf(said))
	if err := os.WriteFile(picture, []byte(drawn), 0o666); err != nil {
		return err
	}
	q, err := exchange(filepath.Join(out, "transcript.jsonl"))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no lines %q and %q", readme, begin, end)
	}
	return os.WriteFile(readme, []byte(head+begin+"\n\n"+q+"\n"+end+tail), 0o666)
}
