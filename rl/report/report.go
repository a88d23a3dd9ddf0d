// Package report writes a run of self-play as pages that any browser shows without a network: plots of its
// metrics, and every question that was sampled, to browse and to filter.
package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"

	"spell/rl/runner"
	"spell/rl/transcript"
	"spell/tensor/atomicfile"
)

// MaxPage is how many bytes a page has at most, unless a single question has more.
const MaxPage = 20_000_000

// Name is the first page's; the others have a number before their end.
const Name = "report.html"

//go:embed page.html
var text string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"marks": transcript.Marks,
	"verdict": transcript.Verdict, "inc": func(i int) int { return i + 1 }}).Parse(text))

// A sheet is what a page shows.
type sheet struct {
	Run       string
	Plots     []Plot // of the first page
	Number    int
	Before    string // the page before; empty of the first
	Next      string // the page after; empty of the last
	Questions template.HTML
	Outcomes  []string // that its questions have
	Tasks     []string
	Steps     []int
	Count     int
}

// Write writes the report of the run in a folder into it, in pages of at most maxPage bytes, and returns their
// paths. Pages of an earlier report are replaced, and removed if there are fewer now.
func Write(run string, maxPage int) (paths []string, err error) {
	w := writer{run: run, room: maxPage}
	if w.sheet.Plots, err = readPlots(filepath.Join(run, runner.MetricsFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: name the folder that a run of spell train was given as --out", run,
			runner.MetricsFile)
	} else if err != nil {
		return nil, err
	}
	for q, err := range transcript.Questions(filepath.Join(run, runner.TranscriptFile)) {
		if errors.Is(err, fs.ErrNotExist) { // of a run that wrote none yet
			break
		}
		if err == nil {
			err = w.add(q)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.flush(""); err != nil {
		return nil, err
	}
	for n := w.sheet.Number + 1; ; n++ {
		old := filepath.Join(run, pageName(n))
		if err := os.Remove(old); errors.Is(err, fs.ErrNotExist) {
			return w.paths, nil
		} else if err != nil {
			return nil, fmt.Errorf("removing %s, a page of an earlier report: %w", old, atomicfile.Cause(err))
		}
	}
}

// pageName returns the name of a page, counted from 0.
func pageName(n int) string {
	if n == 0 {
		return Name
	}
	return fmt.Sprintf("report-%03d.html", n+1)
}

// A writer gathers the questions of a page.
type writer struct {
	run   string
	room  int
	sheet sheet
	body  bytes.Buffer
	paths []string
}

// overhead is more than a page has beside its questions and plots.
const overhead = 64 << 10

// add adds a question to the page, or to a new one if it has no room for it.
func (w *writer) add(q *transcript.Question) error {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "question", q); err != nil {
		return err
	}
	used := w.body.Len() + overhead
	for _, p := range w.sheet.Plots {
		used += len(p.SVG())
	}
	if w.sheet.Count > 0 && used+b.Len() > w.room {
		if err := w.flush(pageName(w.sheet.Number + 1)); err != nil {
			return err
		}
		w.sheet = sheet{Number: w.sheet.Number + 1, Before: pageName(w.sheet.Number)}
	}
	w.body.Write(b.Bytes())
	s := &w.sheet
	s.Count++
	if n := len(s.Steps); n == 0 || s.Steps[n-1] != q.Step {
		s.Steps = append(s.Steps, q.Step)
	}
	if q.Ask != nil {
		s.Outcomes, s.Tasks = with(s.Outcomes, q.Ask.Outcome), with(s.Tasks, q.Ask.Task.String())
	}
	return nil
}

// with returns the list with a text that it lacks.
func with(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// flush writes the page, after which that of a name comes.
func (w *writer) flush(next string) error {
	s := &w.sheet
	s.Run, s.Next, s.Questions = filepath.Base(absolute(w.run)), next, template.HTML(w.body.String())
	w.body.Reset()
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "page", s); err != nil {
		return err
	}
	path := filepath.Join(w.run, pageName(s.Number))
	if err := atomicfile.WriteBytes(path, b.Bytes()); err != nil {
		return fmt.Errorf("writing %s: %w", path, atomicfile.Cause(err))
	}
	w.paths = append(w.paths, path)
	return nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
