package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"spell/tensor/atomicfile"
	"spell/tokenizer"
)

// Dialog is the text side of a model's folder: it turns what a user says into the ids that the
// model goes on from. It does not change, and any number of goroutines may use it.
type Dialog struct {
	Tok      *tokenizer.Tokenizer
	Template *Template                  // nil: prompts are plain text
	Vars     map[string]json.RawMessage // passed to the template, such as enable_thinking
	Now      time.Time                  // what the template takes for the time

	side  *side
	files map[string][]byte // as they were read, for Save
}

// kept names the files of a model's folder, beside tokenizer.json,
// that a trained model's folder repeats.
var kept = []string{
	"tokenizer_config.json",
	"special_tokens_map.json",
	"added_tokens.json",
	"chat_template.jinja",
}

// Open reads tokenizer.json, with the tokens that the files beside it add, and the chat template, if
// there is one, of the model in a folder. A template that cannot be read, or several of which none is
// the default, are an error of Choose. Without a tokenizer.json the error is fs.ErrNotExist.
func Open(dir string) (*Dialog, error) {
	d := &Dialog{files: map[string][]byte{}}
	var err error
	if d.Tok, d.side, err = open(dir); err != nil {
		return nil, err
	}
	d.Template, _ = d.side.template("")
	return d, d.keep(dir)
}

// Tokenizer reads tokenizer.json with the tokens that the files beside it add.
func Tokenizer(dir string) (*tokenizer.Tokenizer, error) {
	t, _, err := open(dir)
	return t, err
}

func open(dir string) (*tokenizer.Tokenizer, *side, error) {
	t, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		return nil, nil, err
	}
	s, err := readSide(dir)
	if err == nil {
		t, err = s.extend(t)
	}
	return t, s, err
}

// keep reads the files that Save repeats.
func (d *Dialog) keep(dir string) error {
	files, err := templateFiles(dir)
	if err != nil {
		return err
	}
	names := slices.Clone(kept)
	for name := range files {
		if name != fallback {
			names = append(names, filepath.Join(moreTemplates, name+".jinja"))
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		data, err := readFile(path, maxConfig)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		d.files[name] = data
	}
	return nil
}

// Choose returns the dialog with the model's chat template of a name. With an empty name it is the
// default; the error is [ErrChoice], in a sentence that lists the names, if there are several
// templates without one. A model without templates has none of the empty name.
func (d *Dialog) Choose(name string) (*Dialog, error) {
	chosen := *d
	if d.side == nil || name == "" && d.Template != nil {
		return &chosen, nil
	}
	t, err := d.side.template(name)
	if err != nil && (name != "" || !errors.Is(err, ErrNoTemplate)) {
		return nil, err
	}
	chosen.Template = t
	return &chosen, nil
}

// Save writes what Open reads to another folder.
func (d *Dialog) Save(dir string) error {
	if err := d.Tok.WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		path := filepath.Join(dir, name)
		if err := writeFile(path, d.files[name]); err != nil {
			return fmt.Errorf("writing %s: %w", path, atomicfile.Cause(err))
		}
	}
	return nil
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// User returns the ids of a conversation up to where the assistant's reply begins.
// Its only turn, by the user, is the parts one after another. The ids of the parts
// are apart: those of a part depend on its own text and on what the template puts
// around the whole, so that prompts with an equal first part share its ids. What
// looks like a special token in the parts is plain text. Without a template the ids
// are those of the text, after what the tokenizer puts before a text of its own.
func (d *Dialog) User(parts ...string) ([][]int32, error) {
	ids := make([][]int32, len(parts))
	text, err := d.render(parts)
	if err != nil {
		return nil, err
	}
	for i, part := range text {
		switch {
		case d.Template == nil && i == 0:
			ids[i] = d.Tok.Append(d.Tok.Begin(), part)
		case d.Template == nil:
			ids[i] = d.Tok.AppendNext(nil, part)
		case i == 0:
			ids[i] = d.Tok.EncodeShielded(part)
		default:
			ids[i] = d.Tok.EncodeShieldedNext(part)
		}
	}
	return ids, nil
}

// UserSpans is User that also tells where the ids of the first part come from: which bytes of it each stands for.
// The span of what the template or the tokenizer puts around it is empty.
func (d *Dialog) UserSpans(parts ...string) (ids [][]int32, spans []tokenizer.Span, err error) {
	text, err := d.render(parts)
	if err != nil {
		return nil, nil, err
	}
	if ids, err = d.User(parts...); err != nil {
		return nil, nil, err
	}
	if d.Template == nil {
		_, spans = d.Tok.EncodeSpans(parts[0])
		return ids, append(make([]tokenizer.Span, len(ids[0])-len(spans)), spans...), nil
	}
	_, spans = d.Tok.EncodeShieldedSpans(text[0])
	left := strings.TrimLeftFunc(parts[0], unicode.IsSpace) // as templates may trim it
	if len(parts) == 1 {
		left = strings.TrimRightFunc(left, unicode.IsSpace)
	}
	trimmed := strings.Index(parts[0], left)
	at := strings.LastIndex(tokenizer.Unshield(text[0]), left)
	if at < 0 {
		return nil, nil, fmt.Errorf("rendering %s: it changes the user's text", d.Template.name)
	}
	within := func(place int) int { return trimmed + min(max(place-at, 0), len(left)) }
	for i, s := range spans {
		spans[i] = tokenizer.Span{Start: within(s.Start), End: within(s.End)}
	}
	return ids, spans, nil
}

// Prompt returns the text of the conversation that User makes of one part, and its ids.
func (d *Dialog) Prompt(user string) (string, []int32, error) {
	text, err := d.render([]string{user})
	if err != nil {
		return "", nil, err
	}
	ids, err := d.User(user)
	if err != nil {
		return "", nil, err
	}
	if d.Template == nil {
		return d.Tok.Decode(d.Tok.Begin()) + user, ids[0], nil
	}
	return tokenizer.Unshield(text[0]), ids[0], nil
}

// Thinks reports whether the prompts of User end in an open <think>,
// so that replies begin with thoughts.
func (d *Dialog) Thinks() (bool, error) {
	if d.Template == nil {
		return false, nil
	}
	text, err := d.render([]string{"?"})
	return err == nil && OpensThinking(text[0]), err
}

// render returns the text of the prompt, cut between the parts. The cuts are marked by a character
// that the parts do not hold, and which the template passes through.
func (d *Dialog) render(parts []string) ([]string, error) {
	if d.Template == nil {
		_, err := d.Choose("")
		return parts, err
	}
	mark, err := markFor(parts)
	if err != nil {
		return nil, err
	}
	shielded := make([]string, len(parts))
	for i, p := range parts {
		shielded[i] = d.Tok.Shield(p)
	}
	text, err := d.Template.Render(Context{
		Messages:            []Message{{Role: "user", Content: strings.Join(shielded, mark)}},
		AddGenerationPrompt: true,
		Vars:                d.Vars,
		Now:                 d.Now,
	})
	if err != nil {
		return nil, err
	}
	cut := strings.Split(text, mark)
	if len(cut) != len(parts) {
		return nil, fmt.Errorf("rendering %s: the user's text is not in the prompt exactly once: "+
			"give a model whose template repeats it once",
			d.Template.name)
	}
	return cut, nil
}

// markFor returns a noncharacter (Unicode 15, section 23.7) that none of the texts holds.
func markFor(texts []string) (string, error) {
	for r := rune(0xfdd1); r <= 0xfdef; r++ {
		mark := string(r)
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, mark) }) {
			return mark, nil
		}
	}
	return "", errors.New("a prompt holds every noncharacter from U+FDD1 to U+FDEF: remove one from the documents")
}
