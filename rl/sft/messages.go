package sft

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"spell/rl/records"
	"spell/tokenizer/chat"
)

// A conversation is the turns of a line as they are put together.
type conversation struct {
	turns   []chat.Message
	learned []int
}

func (c *conversation) add(role, content string, learned bool) {
	if learned {
		c.learned = append(c.learned, len(c.turns))
	}
	c.turns = append(c.turns, chat.Message{Role: role, Content: content})
}

// roles are the names that roles have in files.
var roles = map[string]string{
	"system": "system", "developer": "system",
	"user": "user", "human": "user",
	"assistant": "assistant", "gpt": "assistant",
}

// calling are the roles of messages that call tools or tell what they returned.
var calling = []string{"tool", "function", "observation", "function_call", "tool_call", "tool_response", "ipython"}

// list adds the messages of the field of this name. The assistant's are learned or not.
func (c *conversation) list(name string, v any, learned bool) error {
	messages, ok := v.([]any)
	if !ok {
		return fmt.Errorf("%s is %s where a list of messages is wanted; %s", name, records.Kind(v), form)
	}
	for i, m := range messages {
		fields, ok := m.(map[string]any)
		err := fmt.Errorf(`is %s and no object; write {"role": "…", "content": "…"}`, records.Kind(m))
		if ok {
			err = c.message(fields, learned)
		}
		if err != nil {
			return fmt.Errorf("message %d of %s %w", i+1, name, err)
		}
	}
	return nil
}

// message adds a message. Its errors are predicates of it.
func (c *conversation) message(fields map[string]any, learned bool) error {
	roleName, contentName := "role", "content"
	if fields["from"] != nil || fields["value"] != nil {
		if fields["role"] != nil || fields["content"] != nil {
			return errors.New("has fields of both role and content and from and value; keep one pair")
		}
		roleName, contentName = "from", "value"
	}
	name, ok := fields[roleName].(string)
	if !ok && fields[roleName] == nil {
		return fmt.Errorf("has no %s; use system, user or assistant", roleName)
	} else if !ok {
		return fmt.Errorf("has %s as its %s; use system, user or assistant", records.Kind(fields[roleName]), roleName)
	}
	role := roles[name]
	for _, calls := range []string{"tool_calls", "function_call"} {
		if !empty(fields[calls]) {
			return fmt.Errorf("calls tools in %s, which is not learned; leave the conversation out", calls)
		}
	}
	for _, thoughts := range []string{"reasoning_content", "reasoning", "thinking"} {
		if !empty(fields[thoughts]) {
			return fmt.Errorf("has thoughts in %s, which is not read; write them into %s, as the model's template "+
				"shows them, or leave the field out", thoughts, contentName)
		}
	}
	if role == "" && slices.Contains(calling, name) {
		return fmt.Errorf("has the role %q; calls of tools are not learned: leave the conversation out", name)
	} else if role == "" {
		return fmt.Errorf("has the role %q; use system, user or assistant", name)
	}
	content, err := contentOf(fields[contentName], contentName)
	if err != nil {
		return err
	}
	if role == "assistant" {
		if content == "" {
			return errors.New("is empty and the assistant's; there is nothing to learn: leave it out")
		}
		if learned, err = weigh(fields["weight"], learned); err != nil {
			return err
		}
		for _, name := range []string{"train", "training"} { // of other programs
			if fields[name] == false {
				learned = false
			}
		}
	}
	c.add(role, content, learned && role == "assistant")
	return nil
}

// contentOf returns the text of a message, whose parts, if it has parts, are joined.
func contentOf(v any, name string) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "", fmt.Errorf("has no %s; write text, or leave it out", name)
	case []any:
		var b strings.Builder
		for i, p := range v {
			part, _ := p.(map[string]any)
			text, ok := part["text"].(string)
			if typ, typed := part["type"].(string); typed && typ != "text" {
				return "", fmt.Errorf("has part %d of type %q; only text is learned: leave it out", i+1, typ)
			} else if !typed || !ok {
				return "", fmt.Errorf(`has no text in part %d; write {"type": "text", "text": "…"}`, i+1)
			}
			b.WriteString(text)
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("has %s as its %s; write text", records.Kind(v), name)
}

// empty reports whether a field says nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// weigh reports whether a reply of this weight, which need not be given, is learned.
func weigh(weight any, learned bool) (bool, error) {
	if weight == nil {
		return learned, nil
	}
	switch w, err := strconv.ParseFloat(fmt.Sprint(weight), 64); {
	case err == nil && w == 0:
		return false, nil
	case err == nil && w == 1:
		return learned, nil
	}
	return false, fmt.Errorf("has the weight %v; write 1, which is learned, or 0, which is not", weight)
}

// line returns the whole conversation, or an error if it cannot be learned.
func (c *conversation) line() (Line, error) {
	l := Line{Turns: c.turns, Learned: c.learned}
	for i, t := range c.turns {
		switch {
		case t.Role != "assistant":
		case t.Content == "":
			return l, errors.New("the answer is empty; there is nothing to learn: leave it out")
		case i == 0:
			return l, errors.New("the assistant speaks first; put a user's message before it")
		case c.turns[i-1].Role == "assistant":
			return l, errors.New("two messages of the assistant follow each other; join them or put a user's between")
		}
	}
	if len(c.learned) == 0 {
		return l, errors.New("there is no message of the assistant to learn; leave it out")
	}
	return l, nil
}
