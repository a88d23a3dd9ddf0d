package sft

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"spell/rl"
	"spell/tokenizer/chat"
)

// A part is some tokens of a path; replies are learned.
type part struct {
	ids   []int32
	reply bool
}

// A path is one sequence: what comes before a reply, which may be nothing, the reply, what comes
// before the next one, and so on.
type path []part

func (p path) tokens() int {
	n := 0
	for _, x := range p {
		n += len(x.ids)
	}
	return n
}

// follows returns what is left of ids behind the tokens of the path, if that is how they begin.
func (p path) follows(ids []int32) (rest []int32, ok bool) {
	for _, x := range p {
		if len(ids) < len(x.ids) || !slices.Equal(ids[:len(x.ids)], x.ids) {
			return nil, false
		}
		ids = ids[len(x.ids):]
	}
	return ids, true
}

// cut returns the first n tokens of the path up to the end of the last reply among them, and
// nothing if there is none.
func (p path) cut(n int) path {
	var kept path
	last := 0 // parts up to the last reply
	for i, x := range p {
		x.ids = x.ids[:min(n, len(x.ids))]
		n -= len(x.ids)
		kept = append(kept, x)
		if x.reply && len(x.ids) > 0 {
			last = i + 1
		}
	}
	return kept[:last]
}

// An encoder turns lines into tokens.
type encoder struct {
	chat  *chat.Dialog
	end   int32    // ends every reply
	lead  string   // spaces that the template puts between what it opens a reply with and the reply
	marks []string // that stand for tokens in replies

	added map[int32]string // tokens that end a run of text
}

// newEncoder returns an encoder for a model whose replies end in one of the tokens eos.
func newEncoder(c Config, text *chat.Dialog, eos []int32) (*encoder, error) {
	if len(eos) == 0 {
		return nil, errors.New("the model's config.json has no eos_token_id, so answers have no end to learn; add it")
	}
	d, err := rl.Dialog(text, c.Date, c.Template, c.Thinking)
	if err != nil {
		return nil, err
	}
	e := &encoder{chat: d, end: eos[0], added: map[int32]string{}}
	for _, a := range d.Tok.AddedTokens() {
		e.added[a.ID] = a.Content
	}
	for _, m := range c.Marks {
		if ids := d.Tok.EncodeSpecial(m); len(ids) == 1 && string(d.Tok.TokenBytes(ids[0])) == m && m != "" {
			e.marks = append(e.marks, m)
		}
	}
	if id, ok := d.TurnEnd(); ok && slices.Contains(eos, id) {
		e.end = id // which the template puts behind a reply
	}
	if d.Template != nil {
		e.lead = e.readLead()
	}
	return e, nil
}

// readLead finds out which spaces the template puts before a reply.
func (e *encoder) readLead() string {
	const mark = "\ufdd1" // a noncharacter, which templates pass through
	c := chat.Context{Messages: []chat.Message{{Role: "user", Content: "?"}}, AddGenerationPrompt: true,
		Vars: e.chat.Vars, Now: e.chat.Now}
	before, err := e.chat.Template.Render(c)
	if err != nil {
		return ""
	}
	c.Messages, c.AddGenerationPrompt = append(c.Messages, chat.Message{Role: "assistant", Content: mark}), false
	text, err := e.chat.Template.Render(c)
	at := strings.LastIndex(text, mark)
	if err != nil || at < 0 {
		return ""
	}
	if lead, ok := strings.CutPrefix(text[:at], before); ok && strings.Trim(lead, " ") == "" {
		return lead
	}
	return ""
}

// paths returns the sequences in which a line's replies are learned, each behind what the model is
// given when it is asked to go on there. A template that shows earlier replies as they were said
// makes one path of a line; if it shows them in another way, as without their thoughts, another
// path begins.
func (e *encoder) paths(l Line) ([]path, error) {
	if e.chat.Template == nil && l.needs != "" {
		return nil, fmt.Errorf("the line has %s, which needs a chat template, and the model has none in "+
			`chat_template.jinja or tokenizer_config.json; write {"prompt": "…", "answer": "…"} alone`, l.needs)
	}
	var all []path
	for _, i := range l.Learned {
		before, err := e.context(l.Turns[:i])
		if err != nil {
			return nil, err
		}
		ids := e.reply(before, e.shield(l.Turns[i]))
		if len(ids) == 0 {
			return nil, errors.New("the tokenizer makes nothing of the answer; remove the line")
		}
		reply := part{append(ids, e.end), true}
		last := len(all) - 1
		if last >= 0 {
			if rest, ok := all[last].follows(before); ok {
				all[last] = append(all[last], part{ids: rest}, reply)
				continue
			}
		}
		all = append(all, path{{ids: before}, reply})
	}
	return all, nil
}

// reply returns the ids of a reply behind those of what the model is given before it: as both
// together have them, and not as a text of its own, in front of which some tokenizers put a space.
func (e *encoder) reply(before []int32, text string) []int32 {
	tok := e.chat.Tok
	if len(before) == 0 || e.chat.Template == nil && len(before) == len(tok.Begin()) { // it begins the text
		return tok.EncodeShielded(text)
	}
	if !strings.HasPrefix(text, " ") {
		text = e.lead + text
	}
	last := before[len(before)-1]
	if content, ok := e.added[last]; ok { // which text behind it does not join
		if ids := tok.EncodeShielded(content + text); len(ids) > 0 && ids[0] == last {
			return ids[1:]
		}
	}
	return tok.EncodeShieldedNext(text)
}

// context returns what the model is given before it replies to the turns.
func (e *encoder) context(turns []chat.Message) ([]int32, error) {
	if len(turns) == 1 && turns[0].Role == "user" {
		ids, err := e.chat.User(turns[0].Content)
		if err != nil {
			return nil, err
		}
		return ids[0], nil
	}
	shielded := make([]chat.Message, len(turns))
	for i, t := range turns {
		shielded[i] = chat.Message{Role: t.Role, Content: e.shield(t)}
	}
	text, err := e.chat.Template.Render(chat.Context{
		Messages: shielded, AddGenerationPrompt: true, Vars: e.chat.Vars, Now: e.chat.Now})
	if err != nil {
		return nil, err
	}
	for i, t := range shielded {
		if t.Role != "assistant" && !strings.Contains(text, strings.TrimSpace(t.Content)) {
			return nil, fmt.Errorf("the chat template leaves out message %d, what the %s says; write it into a user's "+
				"message that it shows, leave it out, or choose another template", i+1, t.Role)
		}
	}
	return e.chat.Tok.EncodeShielded(text), nil
}

// shield marks what looks like a special token in a message as text, but for the marks of a reply.
func (e *encoder) shield(m chat.Message) string {
	var b strings.Builder
	text := m.Content
	for m.Role == "assistant" {
		at, mark := len(text), ""
		for _, k := range e.marks {
			if i := strings.Index(text, k); i >= 0 && i < at {
				at, mark = i, k
			}
		}
		if mark == "" {
			break
		}
		b.WriteString(e.chat.Tok.Shield(text[:at]) + mark)
		text = text[at+len(mark):]
	}
	return b.String() + e.chat.Tok.Shield(text)
}
