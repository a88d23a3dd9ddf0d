package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"spell/tokenizer"
)

// Dialog is the text side of a model's folder: it turns what a user says into the ids that the
// model goes on from. It does not change, and any number of goroutines may use it.
type Dialog struct {
	Tok      *tokenizer.Tokenizer
	Template *Template                  // nil: prompts are plain text
	Vars     map[string]json.RawMessage // passed to the template, such as enable_thinking
	Now      time.Time                  // what the template takes for the time

	files map[string][]byte // as they were read, for Save
}

// kept names the files of a model's folder, beside tokenizer.json,
// that a trained model's folder repeats.
var kept = []string{
	"tokenizer_config.json",
	"special_tokens_map.json",
	"chat_template.jinja",
	filepath.Join("additional_chat_templates", "tool_use.jinja"),
}

// Open reads tokenizer.json and the chat template, if there is one, of the model in a folder.
// Without a tokenizer.json the error is fs.ErrNotExist.
func Open(dir string) (*Dialog, error) {
	d := &Dialog{files: map[string][]byte{}}
	var err error
	if d.Tok, err = tokenizer.Load(filepath.Join(dir, "tokenizer.json")); err != nil {
		return nil, err
	}
	if d.Template, err = Load(dir); err != nil && !errors.Is(err, ErrNoTemplate) {
		return nil, err
	}
	for _, name := range kept {
		path := filepath.Join(dir, name)
		data, err := readFile(path, maxConfig)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		d.files[name] = data
	}
	return d, nil
}

// Save writes what Open reads to another folder.
func (d *Dialog) Save(dir string) error {
	if err := d.Tok.WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
		return err
	}
	for _, name := range kept {
		data, ok := d.files[name]
		if !ok {
			continue
		}
		path := filepath.Join(dir, name)
		if err := writeFile(path, data); err != nil {
			return fmt.Errorf("writing %s: %w", path, unwrapPath(err))
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
	if d.Template == nil {
		for i, p := range parts {
			if i == 0 {
				ids[i] = d.Tok.Begin()
			}
			ids[i] = d.Tok.Append(ids[i], p)
		}
		return ids, nil
	}
	text, err := d.render(parts)
	if err != nil {
		return nil, err
	}
	for i, t := range text {
		ids[i] = d.Tok.EncodeShielded(t)
	}
	return ids, nil
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

// render returns the text of the prompt, cut between the parts. The
// cuts are marked by a noncharacter (Unicode 15, section 23.7) that
// the parts do not hold, and which the template passes through.
func (d *Dialog) render(parts []string) ([]string, error) {
	mark := ""
	for r := rune(0xfdd1); mark == "" && r <= 0xfdef; r++ {
		mark = string(r)
		for _, p := range parts {
			if strings.Contains(p, mark) {
				mark = ""
			}
		}
	}
	if mark == "" {
		return nil, errors.New("a prompt holds every noncharacter from U+FDD1 to U+FDEF: remove one from the documents")
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
