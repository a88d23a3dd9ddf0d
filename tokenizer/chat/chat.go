package chat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Template is a parsed chat template with the special tokens of its model. It does not change, and
// any number of goroutines may render it.
type Template struct {
	name   string
	body   []node
	tools  *Template        // renders instead if tools are given, or nil
	tokens map[string]value // bos_token and the like
	parts  bool             // it wants the content of a message as a list of parts
	loses  bool             // it shows the words of a user in neither form
}

// Message is one turn of a conversation. JSON, if it is set, is the
// whole message as a JSON object, for turns that hold more than a role
// and text (tool calls, parts). Role and Content are then not looked at.
type Message struct {
	Role, Content string
	JSON          json.RawMessage
}

// Context is what one rendering is about. Tools and documents that
// are not given are none to the template, as in transformers.
type Context struct {
	Messages            []Message
	Tools               json.RawMessage // a JSON array of tool schemas, whose keys keep their order; nil for none
	AddGenerationPrompt bool            // end with what opens the assistant's turn

	Vars map[string]json.RawMessage // more variables, such as enable_thinking; they go before all others
	Now  time.Time                  // what strftime_now tells; a template that asks for a zero time fails
}

// Parse reads the source of a template. Errors call it name, and give the line and the construct
// that is malformed or outside of the subset.
func Parse(name, source string) (t *Template, err error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("reading %s: the template is longer than %d bytes", name, MaxSource)
	}
	defer recoverFault(&err, "reading", name)
	p := parser{tokens: lex(source)}
	return &Template{name: name, body: p.body(token{})}, nil
}

// Render returns the text of a conversation, to the character as transformers would. An error names
// the template and the line. One that the template raises by raise_exception holds its message.
func (t *Template) Render(c Context) (string, error) { return t.render(c, defaultLimits) }

func (t *Template) render(c Context, l limits) (text string, err error) {
	if t.tools != nil && c.hasTools() {
		t = t.tools
	}
	if t.loses && slices.ContainsFunc(c.Messages, func(m Message) bool { return m.Role == "user" && m.JSON == nil }) {
		return "", fmt.Errorf("rendering %s: the user's text is not in the prompt exactly once, neither as text "+
			"nor in parts: give a model whose template repeats it once, or choose such a template", t.name)
	}
	vars, err := t.variables(c)
	if err != nil {
		return "", fmt.Errorf("rendering %s: %w", t.name, err)
	}
	defer recoverFault(&err, "rendering", t.name)
	m := &machine{limits: l, left: l, line: 1, now: c.Now, out: &output{final: true}}
	m.scope = &scope{outer: &scope{vars: vars}}
	m.run(t.body)
	return m.out.text.String(), nil
}

// hasTools reports whether tools are given, in either place.
func (c Context) hasTools() bool {
	tools, ok := c.Vars["tools"]
	if !ok {
		tools = c.Tools
	}
	return len(tools) > 0 && string(tools) != "null"
}

// variables returns the names that the template sees, with their values.
func (t *Template) variables(c Context) (map[string]value, error) {
	messages := make(list, len(c.Messages))
	for i, msg := range c.Messages {
		v, err := msg.value(t.parts)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		messages[i] = v
	}
	vars := maps.Clone(t.tokens)
	if vars == nil {
		vars = map[string]value{}
	}
	vars["messages"] = messages
	vars["add_generation_prompt"] = c.AddGenerationPrompt
	vars["tools"], vars["documents"] = none{}, none{}
	if c.Tools != nil {
		v, err := readJSON(c.Tools)
		if err != nil {
			return nil, fmt.Errorf("the tools: %w", err)
		}
		vars["tools"] = v
	}
	for _, name := range slices.Sorted(maps.Keys(c.Vars)) {
		v, err := readJSON(c.Vars[name])
		if err != nil {
			return nil, fmt.Errorf("the variable %q: %w", name, err)
		}
		vars[name] = v
	}
	return vars, nil
}

// value returns the message as the template sees it, its content a list of one part if parts is set.
func (msg Message) value(parts bool) (value, error) {
	if msg.JSON != nil {
		return readJSON(msg.JSON)
	}
	d := newDict(2)
	d.setText("role", msg.Role)
	if !parts {
		d.setText("content", msg.Content)
		return d, nil
	}
	part := newDict(2)
	part.setText("type", "text")
	part.setText("text", msg.Content)
	d.setText("content", list{part})
	return d, nil
}

// probe finds out in which form the template takes the content of a message: as a text or, if this
// does not come out, as a list of parts.
func (t *Template) probe() {
	const word = "\ufdd1"
	shows := func(parts bool) (shown, rendered bool) {
		p := *t
		p.parts, p.tools = parts, nil
		text, err := p.Render(Context{
			Messages:            []Message{{Role: "user", Content: word}},
			AddGenerationPrompt: true,
			Now:                 time.Unix(0, 0),
		})
		return strings.Contains(text, word), err == nil
	}
	asText, rendered := shows(false)
	if asText {
		return
	}
	t.parts, _ = shows(true)
	t.loses = rendered && !t.parts
}

// OpensThinking reports whether a rendered prompt ends within a <think> that it
// opened and did not close, as those of DeepSeek-R1 do. The reply then begins with
// thoughts and holds no <think> of its own. Only white space may follow the tag,
// so that the tags in the documents and answers of a conversation do not count.
func OpensThinking(prompt string) bool {
	return strings.HasSuffix(strings.TrimRightFunc(prompt, isSpace), "<think>")
}
