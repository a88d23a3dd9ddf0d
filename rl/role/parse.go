package role

import (
	"encoding/json"
	"strings"

	"spell/rl/role/number"
)

const (
	// MaxAnswerTokens is the longest reference answer of a general-QA question (paper code: 40); longer ones are skipped.
	MaxAnswerTokens = 40
	// maxReply bounds the bytes that are parsed of a reply after its reasoning; real replies hold a hundredth of it.
	maxReply = 1 << 20
	// mathSentinel is the number the paper's code uses for "none".
	mathSentinel = 999999999
)

// ParseQuestion reads a questioner's reply. countTokens measures a general-QA answer against MaxAnswerTokens; nil
// counts words. The question is meaningful only with verdict OK; its strings are then valid UTF-8.
func (p *Prompts) ParseQuestion(task Task, output string, countTokens func(string) int) (Question, Verdict) {
	text, ended := p.afterThinking(output)
	if !ended {
		return Question{}, Skip
	}
	if len(text) > maxReply {
		return Question{}, BadFormat
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	read := questionFromJSON
	if p.format == formatWords {
		read = questionFromWords
	}
	q, ok := read(task, text)
	if !ok || isPlaceholder(q.Text) || isPlaceholder(q.Answer) {
		return Question{}, BadFormat
	}
	switch task {
	case GeneralQA:
		if countTokens == nil {
			countTokens = func(s string) int { return len(strings.Fields(s)) }
		}
		if countTokens(q.Answer) > MaxAnswerTokens {
			return Question{}, Skip
		}
	case Numeric:
		if n, ok := number.Parse(q.Answer); !ok || n.Value == 0 || n.Value == mathSentinel {
			return Question{}, Skip
		}
	}
	return q, OK
}

// afterThinking returns what follows the reasoning, and whether the reasoning ended.
func (p *Prompts) afterThinking(output string) (text string, ended bool) {
	const open, end = "<think>", "</think>"
	if i := strings.LastIndex(output, end); i >= 0 {
		return output[i+len(end):], true
	}
	if p.Thinking || strings.Contains(output, open) {
		return "", false
	}
	return output, true
}

// isPlaceholder reports a value that repeats a prompt's blank instead of filling it. Prompts write blanks as <…>.
func isPlaceholder(s string) bool {
	s = strings.TrimSpace(s)
	return strings.Trim(s, ". …") == "" || strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") || strings.Contains(s, "{{")
}

// questionFromJSON reads the last fenced json block that parses, or else the whole text as JSON.
// Keys beyond the ones asked for are allowed.
func questionFromJSON(task Task, text string) (q Question, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(lastJSON(text)), &fields) != nil {
		return q, false
	}
	var isString bool
	if q.Text, isString = jsonString(fields["question"]); !isString {
		return q, false
	}
	q.Text = strings.TrimSpace(q.Text)
	answer, isString := jsonString(fields["answer"])
	if !isString && task == Numeric {
		answer, isString = jsonNumber(fields["answer"])
	}
	if !isString {
		return q, false
	}
	if task == Numeric {
		q.Answer = strings.TrimRight(strings.TrimSpace(answer), " .") // a leading dot belongs to ".5"
		return q, true
	}
	q.Answer = cleanAnswer(answer)
	if task != MultipleChoice {
		return q, true
	}
	if len(q.Answer) != 1 || !strings.Contains(Letters, q.Answer) {
		return q, false
	}
	var options map[string]json.RawMessage
	if json.Unmarshal(fields["options"], &options) != nil || len(options) != len(Letters) {
		return q, false
	}
	for _, letter := range Letters {
		raw := options[string(letter)]
		option, ok := jsonString(raw)
		if !ok {
			option, ok = jsonNumber(raw)
		}
		if option = strings.TrimSpace(option); !ok || isPlaceholder(option) {
			return q, false
		}
		q.Options = append(q.Options, option)
	}
	return q, true
}

// lastJSON returns the last ```json block that is valid JSON. Blocks do not overlap, so the search is linear.
func lastJSON(text string) string {
	const fence = "```"
	var blocks []string
	for rest := text; ; {
		_, body, open := strings.Cut(rest, fence+"json")
		block, after, closed := strings.Cut(body, fence)
		if !open || !closed {
			break
		}
		blocks = append(blocks, block)
		rest = after
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		if json.Valid([]byte(blocks[i])) {
			return blocks[i]
		}
	}
	return text
}

// jsonString decodes a JSON string; null and every other type are refused.
func jsonString(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// jsonNumber returns a JSON number as it was written.
func jsonNumber(raw json.RawMessage) (string, bool) {
	ok := len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9')
	return string(raw), ok
}
