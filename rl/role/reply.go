package role

import (
	"slices"
	"strings"

	"spell/rl/task"
)

// maxReply bounds the bytes that are parsed of a reply after its reasoning; real replies hold a
// hundredth of it.
const maxReply = 1 << 20

// ParseQuestion reads a questioner's reply. tokens measures an answer where a task bounds its
// length; nil counts words. The question is meaningful only with verdict OK; its strings are then
// valid UTF-8.
func (p *Prompts) ParseQuestion(t task.Task, output string, tokens func(string) int) (task.Question, task.Verdict) {
	text, ended := p.afterThinking(output)
	if !ended {
		return task.Question{}, task.Skip
	}
	if len(text) > maxReply {
		return task.Question{}, task.BadFormat
	}
	return t.ReadQuestion(p.format, strings.ToValidUTF8(text, "\uFFFD"), tokens)
}

// ExtractAnswer returns the answer a responder's reply ends with, or false if it states none. Its
// form is the task's: a phrase, the text of a number, a letter.
func (p *Prompts) ExtractAnswer(t task.Task, output string) (string, bool) {
	text, ended := p.afterThinking(output)
	if !ended || len(text) > maxReply {
		return "", false
	}
	return t.ReadAnswer(p.format, strings.ToValidUTF8(text, "\uFFFD"))
}

// opens and ends are the marks of reasoning, as families of models write them.
var (
	opens = []string{"<think>", "<THINK>", "<thinking>", "◁think▷", "<|begin_of_thought|>"}
	ends  = []string{"</think>", "</THINK>", "</thinking>", `<\/think>`, "◁/think▷", "<|end_of_thought|>"}
)

// afterThinking returns what follows the reasoning, and whether the reasoning ended.
func (p *Prompts) afterThinking(output string) (text string, ended bool) {
	after := -1
	for _, mark := range ends {
		if i := strings.LastIndex(output, mark); i >= 0 {
			after = max(after, i+len(mark))
		}
	}
	if after >= 0 {
		return output[after:], true
	}
	opened := func(mark string) bool { return strings.Contains(output, mark) }
	if p.Thinking || slices.ContainsFunc(opens, opened) {
		return "", false
	}
	return output, true
}
