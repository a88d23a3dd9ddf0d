package folder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// link makes a link, or skips the test where there are none.
func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skipf("this system makes no links: %v", err)
	}
}

// grow gives a file more than the bytes that are allowed.
func grow(t *testing.T, name string) {
	t.Helper()
	if err := os.Truncate(name, maxFileBytes+1); err != nil {
		t.Fatal(err)
	}
}

// listing returns the report as Write gives it, with one space between columns.
func listing(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		what, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		lines = append(lines, what+" | "+strings.TrimSpace(name))
	}
	return strings.Join(lines, "\n")
}

func TestReadErrors(t *testing.T) {
	files := func(files ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, dir, files...)
		}
	}
	large := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				write(t, dir, name, "words")
				grow(t, filepath.Join(dir, name))
			}
		}
	}
	asFile := func(t *testing.T, dir string) { write(t, filepath.Dir(dir), filepath.Base(dir), "words") }
	const kinds = ".txt, .md, .markdown or .text"
	const tooLarge = "256 MB, more than the 256 MB allowed: split it"
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string)
		opts Options
		want string // DIR stands for the folder
	}{
		{"missing", func(*testing.T, string) {}, Options{}, "document folder DIR does not exist: give a folder of " + kinds + " files"},
		{"file", asFile, Options{}, "document folder DIR is a file: give the folder that holds it"},
		{"empty", files(), Options{}, "document folder DIR is empty: put " + kinds + " files into it"},
		{"hidden only", files(".x.txt", "words"), Options{},
			"document folder DIR has no text, 1 ignored: 1 hidden: put " + kinds + " files into it"},
		{"no text", files("a.pdf", "%PDF", "b/c.PDF", "1,2", "d", "words", "e.txt", " \n", "f.txt", "wo\x00rds"), Options{},
			"document folder DIR has no text, 5 ignored: 2 .pdf, 1 without extension, 1 empty, 1 binary: put " +
				kinds + " files into it"},
		{"one document", files("a.txt", "words"), Options{}, "document folder DIR gives only 1 document of up to " +
			"4000 characters, and a cluster takes at least 2: add text"},
		{"one too large", large("x.txt"), Options{},
			"document folder DIR has a file that cannot be read, x.txt (" + tooLarge + "): mend or remove it"},
		{"two too large", large("x.txt", "a/y.md"), Options{},
			"document folder DIR has 2 files that cannot be read, a/y.md (" +
				tooLarge + "), x.txt (" + tooLarge + "): mend or remove them"},
		{"many too large", large("1.md", "2.md", "3.md", "4.md", "5.md", "6.md", "7.md"), Options{},
			"document folder DIR has 7 files that cannot be read, 1.md (" + tooLarge + "), 2.md (" + tooLarge +
				"), 3.md (" + tooLarge + "), 4.md (" + tooLarge + "), 5.md (" + tooLarge + ") and 2 more: mend or remove them"},
		{"negative", files("a.txt", "words"), Options{DocChars: -1},
			"folder option DocChars is -1: give a positive number, or 0 for 4000"},
		{"narrow", files("a.txt", "words"), Options{MinDocs: 3, MaxDocs: 5},
			"folder option MaxDocs is 5: it must be at least twice MinDocs, which is 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "docs")
			c.make(t, dir)
			_, r, err := Read(context.Background(), dir, c.opts)
			if err == nil {
				t.Fatalf("no error, but %v", r)
			}
			if msg := strings.ReplaceAll(err.Error(), dir, "DIR"); msg != c.want {
				t.Errorf("got  %s\nwant %s", msg, c.want)
			}
		})
	}
}

// A file that may not be read, and a folder that may not be listed, are named together.
func TestReadWithoutPermission(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("this user may read everything")
	}
	dir := t.TempDir()
	write(t, dir, "a.txt", "one two three", "b.txt", "four five six", "c/d.txt", "seven eight", "e.pdf", "%PDF")
	for _, name := range []string{"b.txt", "c", "e.pdf"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(filepath.Join(dir, "c"), 0o700)
	_, _, err := Read(context.Background(), dir, Options{})
	want := "document folder " + dir + " has 2 files that cannot be read, " +
		"b.txt (permission denied), c (permission denied): mend or remove them"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What a file holds and what it is called never ends the reading.
func TestReadEveryFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.txt", "one two three", "B.TXT", "four five six", "c.Md", "seven", "d.markdown", "eight", "e.text",
		"nine", "latin.txt", "un caf\xe9 noir", "wide.txt", "\xff\xfet\x00e\x00n\x00", "broken.txt", "\xff\xfee\x00l\x00f",
		"nul.txt", "wo\x00rds", "russian.txt", "\xcf\xf0\xe8\xe2\xe5\xf2", "blank.md", " \n", "zero.txt", "",
		"paper.pdf", "%PDF", "page.HTML", "<p>", "README", "words", ".hidden.txt", "words", ".git/x.txt", "words",
		"same.txt", "One  two THREE", "sub/near.txt", "one, two; three")
	c, r := read(t, dir, Options{})
	want := `hidden | .git
hidden | .hidden.txt
read, 13 characters | B.TXT
other format, without extension | README
read, 13 characters | a.txt
empty | blank.md
read, 3 characters, UTF-16LE, invalid bytes replaced | broken.txt
read, 5 characters | c.Md
read, 5 characters | d.markdown
read, 4 characters | e.text
read, 12 characters, Windows-1252 | latin.txt
binary | nul.txt
other format, .html | page.HTML
other format, .pdf | paper.pdf
unknown encoding | russian.txt
duplicate of a.txt | same.txt
near-duplicate of a.txt | sub/near.txt
read, 3 characters, UTF-16LE | wide.txt
empty | zero.txt`
	if got := listing(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	summary := "10 files read (1 in Windows-1252, 2 in UTF-16, 1 with invalid bytes replaced); " +
		"1 duplicate and 1 near-duplicate left out; 8 documents in 1 cluster\n" +
		"9 ignored: 1 .html, 1 .pdf, 1 without extension, 2 empty, 1 binary, 1 unknown encoding, 2 hidden"
	if got := r.String(); got != summary {
		t.Errorf("got\n%s\nwant\n%s", got, summary)
	}
	if got := c.Clusters[0].Docs[6].Text; got != "un café noir" {
		t.Errorf("the Latin-1 file reads %q", got)
	}
}

func TestReadNames(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("file names are any bytes on Linux alone")
	}
	dir := t.TempDir()
	deep := strings.Repeat("deep/", 300)
	write(t, dir, "e\u0301.txt", "one two", "\u00e9.txt", "three four", "a b .txt", "five six", "new\nline.txt",
		"seven eight", "bad\xff.txt", "nine ten", "e\u0301/x.txt", "eleven twelve", deep+"x.txt",
		"thirteen fourteen", "#.txt", "fifteen sixteen")
	c, _ := read(t, dir, Options{})
	want := "./: #.txt a b .txt bad\\xff.txt " + deep + "x.txt new\\nline.txt é.txt é.txt (2) é/x.txt\n"
	if got := outline(c); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// A path that is too long for the system is named, without the greater part of it.
func TestReadTooDeep(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("x", 200)
	for range 25 {
		if err := root.Mkdir(name, 0o755); err != nil {
			t.Skipf("this system has no such depths: %v", err)
		}
		next, err := root.OpenRoot(name)
		root.Close()
		if err != nil {
			t.Fatal(err)
		}
		root = next
	}
	root.Close()
	_, _, err = Read(context.Background(), dir, Options{})
	if err == nil || len(err.Error()) > len(dir)+400 || !strings.Contains(err.Error(), "cannot be read, …xxx") {
		t.Errorf("error %v", err)
	}
}

func TestReadFollowsLinks(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, "far.txt", "seven eight nine", "more/far.txt", "ten eleven twelve", "kept/secret.pdf", "%PDF")
	write(t, dir, "a.txt", "one two three", "sub/b.txt", "four five six")
	for name, target := range map[string]string{
		"file.txt": filepath.Join(outside, "far.txt"), "folder": filepath.Join(outside, "more"),
		"kept":      filepath.Join(outside, "kept"),
		"again.txt": filepath.Join(dir, "a.txt"), "sub/up": "..", "sub/self": "self", "lost.txt": "nothing",
		"sub/top": filepath.Dir(dir), "twice": filepath.Join(outside, "more"), ".hidden": outside,
	} {
		link(t, target, filepath.Join(dir, name))
	}
	c, r := read(t, dir, Options{})
	want := `hidden | .hidden
read, 13 characters | a.txt
linked, leads to what is read already | again.txt
read, 16 characters | file.txt
read, 17 characters | folder/far.txt
other format, .pdf | kept/secret.pdf
broken link, no such file or directory | lost.txt
read, 13 characters | sub/b.txt
broken link, too many links | sub/self
linked, leads to a folder around this one | sub/top
linked, leads to what is read already | sub/up
linked, leads to what is read already | twice`
	if got := listing(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	top := filepath.Join(t.TempDir(), "link")
	link(t, dir, top)
	if through, _ := read(t, top, Options{}); outline(through) != outline(c) {
		t.Errorf("through a link to the folder:\n%s", outline(through))
	}
}

// stopper is a context that is done once it has been asked a number of times.
type stopper struct {
	context.Context
	left int
	late int // times it was asked since
}

func (s *stopper) Err() error {
	if s.left--; s.left >= 0 {
		return nil
	}
	s.late++
	return context.Canceled
}

// Wherever the context is noticed to be done, the reading ends there and then; and it is asked at
// least once for every chunk of text in every pass.
func TestReadStops(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("many words and more of them. ", 12<<16/29)
	write(t, dir, "a.txt", long, "b.txt", long+strings.Repeat("nearly the same", 900), "c/1.txt", "one", "c/2.txt",
		"two")
	for i := range 30 {
		write(t, dir, fmt.Sprintf("d/%d.txt", i), fmt.Sprintf("number %d has its own words w%d v%d", i, i*i, i*i*i))
	}
	reads := map[string]func(ctx context.Context) error{
		"Read": func(ctx context.Context) error {
			_, _, err := Read(ctx, dir, Options{DocChars: 1 << 14})
			return err
		},
		"Texts": func(ctx context.Context) error {
			_, _, err := Texts(ctx, dir, Options{})
			return err
		},
	}
	for name, f := range reads {
		all := &stopper{Context: context.Background(), left: 1 << 30}
		if err := f(all); err != nil {
			t.Fatal(err)
		}
		asked := 1<<30 - all.left
		if want := 12 * 2; asked < want {
			t.Errorf("%s: asked %d times, want %d", name, asked, want)
		}
		for n := 0; n < asked; n += 1 + n/6 {
			s := &stopper{Context: context.Background(), left: n}
			if err := f(s); err != context.Canceled || s.late > 2 {
				t.Fatalf("%s: stopped at %d of %d: error %v, asked %d times more", name, n, asked, err, s.late)
			}
		}
	}
}

func TestProgress(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.txt", strings.Repeat("words and words ", 20000), "b.txt", "more words")
	var seen []int
	total := -1
	o := Options{OnProgress: func(done, of int) {
		if total < 0 {
			total = of
		}
		if of != total || done > of {
			t.Errorf("%d of %d after %d of %d", done, of, seen[len(seen)-1], total)
		}
		seen = append(seen, done)
	}}
	read(t, dir, o)
	if !slices.IsSorted(seen) || seen[0] != 0 || seen[len(seen)-1] != total || len(seen) < 15 {
		t.Errorf("progress %v of %d", seen, total)
	}
	seen, total = nil, -1
	if _, _, err := Texts(context.Background(), dir, o); err != nil || seen[len(seen)-1] != total {
		t.Errorf("progress of Texts %v of %d, error %v", seen, total, err)
	}
}
