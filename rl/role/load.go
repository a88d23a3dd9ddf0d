package role

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"spell/rl/task"
)

//go:embed prompts/*/*.txt
var embedded embed.FS

// Sets lists the names of the embedded prompt sets.
func Sets() []string { return []string{"full", "compact", "reading"} }

// likeFile names the embedded set whose files stand for those that a set lacks.
const likeFile = "like.txt"

// Files returns the files of an embedded set, or of the folder if set is a path, and of the set that it is like.
func Files(set string) (fs.FS, error) {
	own, err := ownFiles(set)
	if err != nil {
		return nil, err
	}
	like, err := fs.ReadFile(own, likeFile)
	if errors.Is(err, fs.ErrNotExist) {
		return own, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(set, likeFile), err)
	}
	name := strings.TrimSpace(string(like))
	if !slices.Contains(Sets(), name) || name == set {
		return nil, fmt.Errorf("%s: there is no embedded prompt set %q; write one of %s", filepath.Join(set, likeFile),
			name, strings.Join(Sets(), ", "))
	}
	base, err := Files(name)
	return layered{own, base}, err
}

// layered are files, and below them those of a base that they lack.
type layered struct{ own, base fs.FS }

// Open opens a file of one's own or else of the base.
func (l layered) Open(name string) (fs.File, error) {
	f, err := l.own.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return l.base.Open(name)
	}
	return f, err
}

// ownFiles returns the files of a set without those of another that it is like.
func ownFiles(set string) (fs.FS, error) {
	if slices.Contains(Sets(), set) {
		return fs.Sub(embedded, path.Join("prompts", set))
	}
	info, err := os.Stat(set)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no prompt set %s: use %s or a folder of prompt files",
			set, strings.Join(Sets(), ", "))
	case err != nil:
		return nil, fmt.Errorf("reading prompt set %s: %w", set, err)
	case !info.IsDir():
		return nil, fmt.Errorf("prompt set %s is a file: name the folder that holds it", set)
	}
	return os.DirFS(set), nil
}

// Load reads an embedded set, or the set in a folder if name is a path. An
// error names the file, and the line if there is one.
func Load(name string) (*Prompts, error) {
	set, err := Files(name)
	if err != nil {
		return nil, err
	}
	p := &Prompts{questioner: map[string]*template{}, responder: map[string]*template{}}
	hash := sha256.New()
	sum := func() string { return hex.EncodeToString(hash.Sum(nil)) }
	for _, f := range p.files() {
		if f.optional && p.plain == "" { // they come last
			p.plain = sum()
		}
		at := filepath.Join(name, f.name)
		text, err := fs.ReadFile(set, f.name)
		if errors.Is(err, fs.ErrNotExist) && f.optional {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the prompt set lacks %s, which should hold %s", at, f.holds)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", at, err)
		}
		own := strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
		if err := f.parse(at, own); err != nil {
			return nil, err
		}
		fmt.Fprintf(hash, "%q %q\n", f.name, own)
	}
	p.hash = sum()
	p.findMarks()
	return p, nil
}

// promptFile is a file of a set. Load gives its text to parse.
type promptFile struct {
	name     string
	holds    string   // what the file should hold, for the error that it is missing
	required []string // fields that it must have
	optional bool     // a set may lack it; such files come last
	parse    func(file, text string) error
}

// files lists the files of a set. Their parse functions put the texts into p.
func (p *Prompts) files() []promptFile {
	files := []promptFile{
		{name: "format.txt", holds: "the format of the replies, json or words", parse: p.parseFormat},
		p.documents.file("documents", "{{documents}} and what stands around them at the beginning of a prompt",
			[]string{"documents"}),
		p.example.file("example", "an earlier question of {{history}}: {{question}}, {{answer}}, perhaps {{number}}",
			[]string{"question", "answer"}, "number"),
		p.choices.file("choices", "a {{question}} with its options {{a}}, {{b}}, {{c}} and {{d}}",
			[]string{"question", "a", "b", "c", "d"}),
		p.verifier.file("verifier", "a whole prompt that asks whether {{prediction}} and {{reference}} "+
			"are the same answer to {{question}}", []string{"question", "prediction", "reference"}),
	}
	for _, t := range task.All() {
		files = append(files, p.taskFiles(t)...)
	}
	return append(files, promptFile{name: "between.txt", holds: "what stands between two documents", optional: true,
		parse: p.parseBetween}, promptFile{name: "indent.txt", holds: "what stands before every line of a document",
		optional: true, parse: p.parseIndent})
}

// taskFiles lists the files that a task adds to a set, without those that a task before it added.
func (p *Prompts) taskFiles(t task.Task) (files []promptFile) {
	var required []string
	ask := fmt.Sprintf("what asks the questioner for a %s question, after the documents", t)
	if t.NeedsLetter() {
		required = []string{"letter"}
		ask += "; the option of {{letter}} must be the right one"
	}
	first, later := t.QuestionerPrompts()
	p.questioner[first], p.questioner[later] = &template{}, &template{}
	files = append(files,
		p.questioner[first].file(first, ask, required, "place"),
		p.questioner[later].file(later, ask+"; it must differ from the earlier ones, {{history}}",
			append([]string{"history"}, required...), "place"))
	if name := t.ResponderPrompt(); p.responder[name] == nil {
		p.responder[name] = &template{}
		ask := "what asks the responder a {{question}}, after the documents"
		files = append(files, p.responder[name].file(name, ask, []string{"question"}))
	}
	return files
}

// file returns the file whose text becomes the template.
func (t *template) file(name, holds string, required []string, optional ...string) promptFile {
	parse := func(file, text string) (err error) {
		*t, err = parseTemplate(file, text, required, optional)
		return err
	}
	return promptFile{name: name + ".txt", holds: holds, required: required, parse: parse}
}

func (p *Prompts) parseFormat(file, text string) (err error) {
	if p.format, err = task.ParseFormat(strings.TrimSpace(text)); err != nil {
		return fmt.Errorf("%s:1: %w", file, err)
	}
	return nil
}

func (p *Prompts) parseIndent(file, text string) error {
	t, err := parseTemplate(file, text, nil, nil)
	if err == nil {
		p.indent = t.render(nil)
	}
	return err
}

func (p *Prompts) parseBetween(file, text string) error {
	t, err := parseTemplate(file, text, nil, nil)
	p.between = &t
	return err
}
