package role

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/rl/task"
)

// copySet writes the files of an embedded set to a folder, as one who wants a set of one's own
// does.
func copySet(t *testing.T, set string) (dir string) {
	t.Helper()
	files, err := Files(set)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Fatalf("a copy of %s: %v", set, err)
	}
	return dir
}

// Each file of each set is broken in all ways in turn: an unknown field, marks that do not close, a
// field missing, and the file missing. The error names the file, and the line if the mistake has
// one.
func TestEveryFileIsChecked(t *testing.T) {
	for _, set := range Sets() {
		embedded, _ := Files(set)
		entries, err := fs.ReadDir(embedded, ".")
		if err != nil {
			t.Fatal(err)
		}
		files := (&Prompts{questioner: map[string]*template{}, responder: map[string]*template{}}).files()
		dir, read := copySet(t, set), 0
		for _, f := range files {
			path := filepath.Join(dir, f.name)
			original, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) && (f.optional || set == "reading") { // it is like another set
				continue
			}
			read++
			if err != nil {
				t.Fatal(err)
			}
			text := strings.TrimSuffix(string(original), "\n")
			line := ":" + string(rune('1'+strings.Count(text, "\n"))) + ":"
			type mistake struct{ text, says string }
			broken := map[string]mistake{
				"an unknown field": {text + "{{nonsense}}", line + " the field {{nonsense}}"},
				"an open mark":     {text + "{{", line + " a {{"},
			}
			if f.name == "format.txt" {
				broken = map[string]mistake{"an unknown format": {"prose", `:1: unknown reply format "prose"`}}
			}
			if strings.Count(text, "\n") > 8 { // a line of more than one digit
				broken = map[string]mistake{"an unknown field": {"{{nonsense}}\n" + text, ":1: the field {{nonsense}}"}}
			}
			for _, field := range f.required {
				mark := "{{" + field + "}}"
				broken["no "+field] = mistake{strings.ReplaceAll(text, mark, ""), ": the field " + mark + " is missing"}
			}
			for why, m := range broken {
				if err := os.WriteFile(path, []byte(m.text), 0o644); err != nil {
					t.Fatal(err)
				}
				if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), path+m.says) {
					t.Errorf("%s: %s, %s: error %v, want one that says %q", set, f.name, why, err, f.name+m.says)
				}
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			_, err = Load(dir)
			if set == "reading" {
				f.optional = true
			}
			lacks := err != nil && strings.Contains(err.Error(), path+", which should hold "+f.holds)
			if lacks == f.optional {
				t.Errorf("%s without %s: error %v", set, f.name, err)
			}
			if err := os.WriteFile(path, original, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if set == "reading" {
			read++ // likeFile
		}
		if len(entries) != read {
			t.Errorf("%s holds %d files, Load reads %d", set, len(entries), read)
		}
	}
}

// TestLike: a set that is like another has its files where it lacks them, and one that is like none is refused.
func TestLike(t *testing.T) {
	like, err := Load("reading")
	if err != nil {
		t.Fatal(err)
	}
	base, err := Load("compact")
	if err != nil {
		t.Fatal(err)
	}
	q := task.Question{Text: "who ?"}
	if got, want := like.Verifier(q, "a", "b"), base.Verifier(q, "a", "b"); got != want || like.Hash() == base.Hash() {
		t.Errorf("the verifier reads %q, and in the other set %q", got, want)
	}
	docs := []string{"Norland\nArea: 5\n\n  far\n", " Southmark\n#\nend"}
	want := "#\n Norland\n Area: 5\n\n  far\n\n#\n Southmark\n #\\\n end\n"
	if got := like.Documents(docs); got != want {
		t.Errorf("documents are shown as %q, want %q", got, want)
	}
	if once := like.Escape(docs[0]); like.Escape(once) != once {
		t.Errorf("%q is escaped twice as %q", once, like.Escape(once))
	}
	dir := t.TempDir()
	for name, says := range map[string]string{"nowhere": `no embedded prompt set "nowhere"; write one of full`,
		"": `no embedded prompt set ""`, "reading\n": ""} {
		if err := os.WriteFile(filepath.Join(dir, likeFile), []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); says == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("like %q: error %v", name, err)
		}
	}
}

// TestNoSet: what is no set is named, with what may be.
func TestNoSet(t *testing.T) {
	for name, says := range map[string]string{
		filepath.Join(t.TempDir(), "absent"): "use full, compact, reading or a folder",
		"load.go":                            "is a file: name the folder",
		t.TempDir():                          "format.txt, which should hold the format",
	} {
		_, err := Load(name)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, says)
		}
	}
}

func TestRoleNames(t *testing.T) {
	for want, r := range map[string]Role{"questioner": Questioner, "responder": Responder, "verifier": Verifier} {
		text, err := r.MarshalText()
		var back Role
		if err != nil || string(text) != want || back.UnmarshalText(text) != nil || back != r {
			t.Errorf("%v has the text %q, which reads back as %v: %v", r, text, back, err)
		}
	}
	if _, err := Role(NumRoles).MarshalText(); err == nil {
		t.Error("a role beyond the last has a name")
	}
}

// TestHash: sets of the same texts have one hash, and a change of any file gives another.
func TestHash(t *testing.T) {
	hash := func(set string) string {
		t.Helper()
		p, err := Load(set)
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash()
	}
	for _, set := range Sets() {
		want := hash(set)
		dir := copySet(t, set)
		if got := hash(dir); got != want || len(got) != 64 {
			t.Errorf("%s has the hash %s, and a copy %s", set, want, got)
		}
		seen := map[string]string{want: "the set"}
		for _, f := range (&Prompts{questioner: map[string]*template{}, responder: map[string]*template{}}).files() {
			path := filepath.Join(dir, f.name)
			original, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) && set == "reading" {
				continue
			}
			if err != nil && !f.optional {
				t.Fatal(err)
			}
			write := func(text string) string {
				t.Helper()
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return hash(dir)
			}
			text := string(original)
			if got := write(strings.ReplaceAll(text, "\n", "\r\n")); got != want && text != "" {
				t.Errorf("%s: with line ends of Windows in %s the hash is another", set, f.name)
			}
			changed := "now " + text
			if f.name == "format.txt" {
				changed = map[string]string{"json": "words", "words": "json"}[strings.TrimSpace(text)]
			}
			got := write(changed)
			if seen[got] != "" {
				t.Errorf("%s: with another %s the hash is that of %s", set, f.name, seen[got])
			}
			seen[got] = f.name
			write(text)
		}
	}
}
