package bench

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocuments: documents stay in the file, are read from it in any order, and one that has changed is an
// error, whatever the form.
func TestDocuments(t *testing.T) {
	const record = `{"_id": "N", "question": "Which?", "choice_A": "a", "choice_B": "b", "choice_C": "c", ` +
		`"choice_D": "d", "answer": "B", "length": "short", "context": "Text N."}`
	const row = "N,Which?,a,b,c,d,B,short,Text N.\n"
	of := func(text string) string {
		n := func(n string) string { return strings.ReplaceAll(text, "N", n) }
		return n("1") + n("2") + n("3")
	}
	all, err := Parse("longbench-v2")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"list.json":   "[" + strings.TrimSuffix(of(record+",\n"), ",\n") + "]",
		"lines.jsonl": of(record + "\n"),
		"data.json":   `{"data": [` + strings.TrimSuffix(of(record+","), ",") + "]}",
		"table.csv":   "_id,question,choice_A,choice_B,choice_C,choice_D,answer,length,context\n" + of(row),
	} {
		path := filepath.Join(t.TempDir(), name)
		write := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		write(text)
		d, err := Read(t.Context(), all, path)
		if err != nil || len(d.Questions) != 3 {
			t.Fatalf("%s: %v", name, err)
		}
		defer d.Close()
		for _, i := range []int{0, 2, 2, 1} {
			q := d.Questions[i]
			docs, err := q.Documents()
			if want := "Text " + q.ID + "."; err != nil || len(q.Docs) > 0 || strings.Join(docs, "|") != want {
				t.Errorf("%s: question %s has %q, %v, and holds %q", name, q.ID, docs, err, q.Docs)
			}
		}
		sum, err := Sum(t.Context(), d.Questions)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Sum(ctx, d.Questions); err != context.Canceled {
			t.Errorf("%s: a sum that is stopped ends with %v", name, err)
		}
		for _, changed := range []string{strings.ReplaceAll(text, "Text 2", "Word 2"), text[:len(text)/4], ""} {
			d.Close() // as if the file was never open
			write(changed)
			if docs, err := d.Questions[1].Documents(); err == nil || !strings.Contains(err.Error(), path) ||
				!strings.Contains(err.Error(), "has changed since the run began; put the file back") {
				t.Errorf("%s with %d bytes of %d gives %q, %v", name, len(changed), len(text), docs, err)
			}
		}
		d.Close()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := Sum(t.Context(), d.Questions); err == nil || !strings.Contains(err.Error(), "has changed") {
			t.Errorf("%s is gone: %v", name, err)
		}
		write(text)
		if again, err := Sum(t.Context(), d.Questions); err != nil || again != sum {
			t.Errorf("%s is back: %v", name, err)
		}
		if d.Questions[0].Blind(); len(d.Questions[0].Answers) == 0 {
			t.Errorf("%s: without documents there is no answer", name)
		}
		if docs, err := d.Questions[0].Documents(); err != nil || len(docs) > 0 {
			t.Errorf("%s: a question without documents has %q, %v", name, docs, err)
		}
	}
}

// TestTwiceReadable: what gives its bytes once is refused.
func TestTwiceReadable(t *testing.T) {
	all, err := Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), all, os.DevNull); err == nil || !strings.Contains(err.Error(), "read twice; save") {
		t.Errorf("%s: %v", os.DevNull, err)
	}
}
