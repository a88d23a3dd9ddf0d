package sft

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"spell/rl/records"
	"spell/tokenizer/chat"
)

// A layout is the fields that hold a conversation: a prompt and its answer, or a list of messages.
type layout struct {
	prompt, answer string
	messages       string
}

// layouts are those that are known. Alpaca's is the one with an instruction.
var layouts = []layout{
	{prompt: "prompt", answer: "answer"},
	{prompt: "prompt", answer: "completion"},
	{prompt: "prompt", answer: "response"},
	{prompt: "question", answer: "answer"},
	{prompt: "input", answer: "output"},
	{prompt: "instruction", answer: "output"},
	{messages: "messages"},
	{messages: "conversations"},
}

// names are the fields of a layout.
func (l layout) names() []string {
	if l.messages != "" {
		return []string{l.messages}
	}
	return []string{l.prompt, l.answer}
}

// layoutsOf returns the layouts all of whose fields are there. A field that is null is not.
func layoutsOf(fields map[string]any) []layout {
	var found []layout
	for _, l := range layouts {
		missing := func(name string) bool { return fields[name] == nil }
		if slices.ContainsFunc(l.names(), missing) || l.prompt == "input" && fields["instruction"] != nil {
			continue
		}
		found = append(found, l)
	}
	return found
}

// columns are the columns of a table that are read, if it has them.
var columns = func() []string {
	names := []string{"system", "history", "input"}
	for _, l := range layouts {
		names = append(names, l.names()...)
	}
	return names
}()

// recognise returns the conversation that an object holds in one of the layouts.
func recognise(v any) (Line, error) {
	fields, ok := v.(map[string]any)
	if !ok {
		return Line{}, fmt.Errorf("this is %s and no object; %s", records.Kind(v), form)
	}
	found := layoutsOf(fields)
	switch len(found) {
	case 0:
		return Line{}, unknown(fields)
	case 1:
		if !empty(fields["tools"]) {
			return Line{}, errors.New("this has tools, which are not shown to the model; leave the conversation out, " +
				"or the field")
		}
		return found[0].line(fields)
	}
	var all []string
	for _, l := range found {
		all = append(all, strings.Join(l.names(), " and "))
	}
	return Line{}, fmt.Errorf("this has the fields of %d layouts: %s; keep those of one",
		len(found), strings.Join(all, ", "))
}

// unknown returns the error of fields that are none of the layouts. A field whose name is written
// in another case, and half a layout, are told.
func unknown(fields map[string]any) error {
	var named []string
	for name := range fields {
		if fields[name] != nil {
			named = append(named, name)
		}
	}
	if len(named) == 0 {
		return fmt.Errorf("this has no fields; %s", form)
	}
	slices.Sort(named)
	for _, l := range layouts {
		for _, want := range l.names() {
			for _, name := range named {
				if name != want && strings.EqualFold(name, want) && fields[want] == nil {
					return fmt.Errorf("this has the field %q where %q is known; rename it", name, want)
				}
			}
		}
	}
	for _, l := range layouts {
		for _, have := range l.names() {
			if fields[have] != nil {
				return fmt.Errorf("this has %s without %s; %s", have, list(partners(have), "or"), form)
			}
		}
	}
	return fmt.Errorf("this has neither a prompt nor messages, only %s; %s", list(named, "and"), form)
}

// partners returns the fields that make a layout with one.
func partners(have string) []string {
	var names []string
	for _, l := range layouts {
		for i, name := range l.names() {
			if name == have {
				names = append(names, l.names()[1-i])
			}
		}
	}
	return names
}

// list writes some words in a row, the first ten of them.
func list(words []string, last string) string {
	const most = 10
	if len(words) > most {
		words = append(slices.Clone(words[:most]), "others")
	}
	if len(words) == 1 {
		return words[0]
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// line returns the conversation in the fields of the layout.
func (l layout) line(fields map[string]any) (Line, error) {
	var c conversation
	system, err := optional(fields, "system")
	if err != nil {
		return Line{}, err
	}
	if system != "" {
		c.add("system", system, false)
	}
	switch {
	case l.messages != "":
		err = c.list(l.messages, fields[l.messages], true)
	case l.prompt == "instruction":
		err = c.alpaca(fields)
	default:
		err = c.side(l.prompt, fields[l.prompt], "user")
	}
	if err == nil && l.answer != "" {
		err = c.side(l.answer, fields[l.answer], "assistant")
	}
	if err != nil {
		return Line{}, err
	}
	if system != "" && slices.ContainsFunc(c.turns[1:], func(m chat.Message) bool { return m.Role == "system" }) {
		return Line{}, errors.New("there is a field system and a system message; keep one of them")
	}
	line, err := c.line()
	line.needs = l.needs(fields, system)
	return line, err
}

// needs names what in the fields needs a chat template, if anything does.
func (l layout) needs(fields map[string]any, system string) string {
	history, _ := fields["history"].([]any)
	switch {
	case l.messages != "":
		return "the list " + l.messages
	case records.Kind(fields[l.prompt]) == "a list":
		return "a list of messages as its " + l.prompt
	case records.Kind(fields[l.answer]) == "a list":
		return "a list of messages as its " + l.answer
	case system != "":
		return "the field system"
	case l.prompt == "instruction" && len(history) > 0:
		return "the field history"
	}
	return ""
}

// side adds a prompt or an answer: text, which is one message, or a list of messages.
func (c *conversation) side(name string, v any, role string) error {
	switch v := v.(type) {
	case string:
		c.add(role, v, role == "assistant")
		return nil
	case []any:
		return c.list(name, v, role == "assistant")
	}
	return fmt.Errorf("%s is %s where text is wanted", name, records.Kind(v))
}

// alpaca adds what comes before the output: history, and the instruction with its input behind an
// empty line, as the prompts of Alpaca are put together without their frame.
func (c *conversation) alpaca(fields map[string]any) error {
	history, ok := fields["history"].([]any)
	if !ok && fields["history"] != nil {
		return fmt.Errorf("history is %s where a list of pairs is wanted", records.Kind(fields["history"]))
	}
	for i, turn := range history {
		pair, _ := turn.([]any)
		var prompt, answer string
		if len(pair) == 2 {
			prompt, ok = pair[0].(string)
			answer, _ = pair[1].(string)
		}
		if len(pair) != 2 || !ok || answer == "" {
			return fmt.Errorf(`pair %d of history is not two texts; write ["…", "…"]`, i+1)
		}
		c.add("user", prompt, false)
		c.add("assistant", answer, true)
	}
	instruction, err := optional(fields, "instruction")
	if err != nil {
		return err
	}
	input, err := optional(fields, "input")
	if err != nil {
		return err
	}
	if instruction != "" && input != "" {
		instruction += "\n\n"
	}
	c.add("user", instruction+input, false)
	return nil
}

// optional returns the text of a field, or none if there is no such field.
func optional(fields map[string]any, name string) (string, error) {
	v, ok := fields[name].(string)
	if !ok && fields[name] != nil {
		return "", fmt.Errorf("%s is %s where text is wanted", name, records.Kind(fields[name]))
	}
	return v, nil
}
