package chat

import (
	"strings"
	"time"
)

// End returns the id of the token that tokenizer_config.json or special_tokens_map.json names as
// eos_token; false if they name none, or one that the vocabulary lacks.
func (d *Dialog) End() (int32, bool) {
	if d.side == nil || d.side.eos == "" {
		return 0, false
	}
	return d.Tok.TokenID(d.side.eos)
}

// TurnEnd returns the id of the special token that the template puts behind a reply, white space aside;
// false if it puts none there.
func (d *Dialog) TurnEnd() (int32, bool) {
	if d.Template == nil {
		return 0, false
	}
	const mark = "\ufdd1" // a noncharacter, which templates pass through
	turns := []Message{{Role: "user", Content: "?"}, {Role: "assistant", Content: mark}}
	text, err := d.Template.Render(Context{Messages: turns, Vars: d.Vars, Now: time.Unix(0, 0)})
	at := strings.LastIndex(text, mark)
	if err != nil || at < 0 {
		return 0, false
	}
	ids := d.Tok.EncodeSpecial(strings.TrimSpace(text[at+len(mark):]))
	if len(ids) == 0 || !d.Tok.IsSpecial(ids[0]) {
		return 0, false
	}
	return ids[0], true
}
