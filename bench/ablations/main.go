// Ablations trains the embedded base by SPELL, by the baselines that it is compared with and without each of its parts,
// several times each, and says what each of them gains:
//
//	go run ./bench/ablations -hours 8
//	go run ./bench/ablations -rows spell,static-base -seeds 1,2 -set steps=30
//	go run ./bench/ablations -table
//	go run ./bench/ablations -kinds spell
//	go run ./bench/ablations -docs my-documents -rows spell,static-truth -seeds 1,2,3
//
// A run is spell train in a folder of its own, with the settings of its row laid over those of -set: as many updates of
// as many groups of answers in each. What it came to is a line of -out as soon as it is there, and a run that has its
// line is not made again; one that was interrupted goes on where it was. Runs of another base, or with other settings,
// are others. -table prints those that belong to the last line. Several runs are made -at-once, one for each processor,
// which gives the same results, and more of them in an hour. With -docs the base for documents is trained on those, and
// the results are others than with documents of another name or content.
//
// The table has the gain in held-out accuracy at each length, and over all lengths beyond the first, there also among
// the answers that can be read. Its intervals hold the true value with a probability of 95 %, as far as the seeds and
// questions tell: both are drawn again, the questions alike for all seeds, since all answer the same. The difference to
// SPELL is paired by seed and question. Beside them are the shares of true questions in the first and in the last fifth
// of the steps, the answers that trained, and what a run took, tests included.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"spell/bench/rounds"
	"spell/bench/tool"
	"spell/model/nano"
)

// options are the flags, checked.
type options struct {
	rows   []row
	seeds  []int
	hours  float64
	atOnce int
	out    string
	dir    string
	spell  string
	common []string
	docs   string
	table  bool
	kinds  string
}

func parseFlags(args []string, usage io.Writer) (o options, err error) {
	f := flag.NewFlagSet("ablations", flag.ContinueOnError)
	f.SetOutput(usage)
	list := f.String("rows", "", "names of rows, with commas between them; empty: all")
	seeds := f.String("seeds", "1,2,3,4,5", "seeds of the runs of each row")
	f.Float64Var(&o.hours, "hours", 0, "hours after which no further run begins; 0: no limit")
	f.IntVar(&o.atOnce, "at-once", min(runtime.NumCPU(), 8), "runs at the same time; they share the processors")
	f.StringVar(&o.out, "out", filepath.Join("bench", "ablations", "results.jsonl"), "file of results")
	f.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "spell-ablations"), "folder of runs that are not finished")
	f.StringVar(&o.spell, "spell", "", "the program; empty: built from ./cmd/spell")
	f.Func("set", "a setting of all rows, as in -set steps=30; may be given again", func(s string) error {
		o.common = append(o.common, s)
		return nil
	})
	f.StringVar(&o.docs, "docs", "", "folder of documents to train on; empty: the generated world")
	f.BoolVar(&o.table, "table", false, "print the table of the results there are, and run nothing")
	f.StringVar(&o.kinds, "kinds", "", "print accuracy by kind of question of the row of this name, and run nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.rows, err = named(*list); err != nil {
		return o, err
	}
	if o.seeds, err = rounds.Numbers("seeds", *seeds, 1<<30); err != nil {
		return o, err
	}
	if o.atOnce < 1 {
		return o, fmt.Errorf("-at-once is %d; it must be at least 1", o.atOnce)
	}
	if !(o.hours >= 0) {
		return o, fmt.Errorf("-hours is %g; it must be a number of hours", o.hours)
	}
	for _, r := range o.rows {
		c, err := r.config(o.docs != "", o.common)
		if err != nil {
			return o, err
		}
		if c.HeldOut == 0 || c.Steps == 0 {
			return o, errors.New("-set: a run without steps or held-out questions gains nothing that is measured")
		}
	}
	return o, nil
}

func main() {
	tool.Main("ablations", func(args []string) error {
		o, err := parseFlags(args, os.Stderr)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		switch {
		case o.table:
			return o.print(os.Stdout)
		case o.kinds != "":
			return o.printKinds(ctx, os.Stdout)
		}
		return o.measure(ctx, os.Stdout)
	})
}

// measure makes the runs that have no line yet, and prints the table.
func (o *options) measure(ctx context.Context, w io.Writer) error {
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return err
	}
	program, err := tool.Build(o.spell, o.dir)
	if err != nil {
		return err
	}
	base, docs := nano.World, ""
	if o.docs != "" {
		base = nano.Text
		if docs, err = docsKey(o.docs); err != nil {
			return err
		}
	}
	hash, err := baseHash(base)
	if err != nil {
		return err
	}
	p := plan{options: o, base: hash, documents: docs, commit: commit(),
		train: trainer{program, max(1, runtime.NumCPU()/o.atOnce), o.docs}.train,
		say:   func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	err = p.run(ctx)
	return errors.Join(err, o.print(w))
}

// print prints the table of the results that belong to the last.
func (o *options) print(w io.Writer) error {
	list, err := o.results()
	if err != nil {
		return err
	}
	table(w, o.rows, list)
	return nil
}

// printKinds prints what the runs of a row came to by kind of question.
func (o *options) printKinds(ctx context.Context, w io.Writer) error {
	list, err := o.results()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r result) bool { return r.Row != o.kinds })
	if len(list) == 0 {
		return fmt.Errorf("-kinds %s: %s has no results of such a row", o.kinds, o.out)
	}
	return kinds(ctx, w, list)
}

// results returns the results that belong to the last.
func (o *options) results() ([]result, error) {
	list, err := tool.Results[result](o.out)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no results yet", o.out)
	}
	last := list[len(list)-1].key
	return slices.DeleteFunc(list, func(r result) bool { return !r.with(&last) }), nil
}

// baseHash returns the SHA-256 of the weights of an embedded base.
func baseHash(name string) (string, error) {
	dir, err := os.MkdirTemp("", "spell-ablations-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := nano.Extract(name, dir); err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

// docsKey returns the name of a folder and a hash of the names and contents of its files.
func docsKey(dir string) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(dir, path))
		fmt.Fprintf(h, "%s %d %s\n", path, len(raw), raw)
		return err
	})
	abs, err2 := filepath.Abs(dir)
	return fmt.Sprintf("%s %x", filepath.Base(abs), h.Sum(nil)[:8]), errors.Join(err, err2)
}

// commit returns the commit of the sources, with a + if files have changed since; empty outside of a repository.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(head))
	changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", ".",
		":!bench/ablations/results.jsonl").Output()
	if err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}

// A trainer runs the program.
type trainer struct {
	program string
	workers int    // of each run
	docs    string // folder; empty: the generated world
}

// train runs spell train to its end in a folder. What it returns if the run has ended, but not well, is what it said.
func (t trainer) train(ctx context.Context, dir string, seed uint64, set []string) (ended string, err error) {
	args := []string{"train", "--seed", fmt.Sprint(seed), "--workers", fmt.Sprint(t.workers), "--out", dir}
	if t.docs != "" {
		args = append(args, "--docs", t.docs)
	}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	if tool.Begun(dir) {
		args = append(args, "--resume")
	}
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it saves what it has
	cmd.WaitDelay = 10 * time.Second
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	const failed = 3 // of a run that came to its end: nothing was trained, or the model is worse
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == failed {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return lines[len(lines)-1], nil
	}
	if err != nil {
		return "", fmt.Errorf("spell %s: %w\n%s", strings.Join(args, " "), err, said)
	}
	return "", nil
}
