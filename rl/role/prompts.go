package role

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"spell/rl/task"
)

// Prompts is one set of prompt texts and the parser of the replies they ask for. It is read-only
// after Load.
//
// A set is a folder of text files; one line end at a file's end does not count. Files returns the
// embedded sets, from which a set of one's own may begin.
//
//	format.txt                  json or words
//	documents.txt               {{documents}}: opens every prompt that has documents
//	between.txt                 stands between two documents, from the line after the first; may be left out
//	indent.txt                  stands before every line of a document that does not begin with it; may be left out
//	like.txt                    an embedded set whose files stand for those that this one lacks; may be left out
//	questioner_TASK.txt         follows the documents; with {{letter}} if the task has options, and perhaps {{place}}
//	questioner_TASK_history.txt the same with {{history}}
//	example.txt                 {{question}} {{answer}} {{number}}: a line or block of the history
//	choices.txt                 {{question}} {{a}} {{b}} {{c}} {{d}}: a question with its options
//	responder.txt               {{question}}: follows the documents; a task may have its own
//	verifier.txt                {{question}} {{prediction}} {{reference}}: a whole prompt
//
// A document cannot leave its place: Escape says how.
type Prompts struct {
	// Thinking says that the chat template ends every prompt inside an open <think>: a reply
	// without </think> is then one whose reasoning never ended, although the reply itself holds no
	// <think>.
	Thinking bool

	hash      string // of the texts
	plain     string // of those without what stands between documents
	format    task.Format
	documents template
	between   *template // nil: a line end alone
	indent    string    // before every line of a document
	marks     []mark    // that no document may hold; nil: they may
	// questioner and responder hold texts by the names that tasks give them.
	questioner, responder      map[string]*template
	example, choices, verifier template
}

// Hash returns a hash of the texts, in hexadecimal. Sets of the same texts have the same one,
// whatever their names.
func (p *Prompts) Hash() string { return p.hash }

// Unmarked returns the set with nothing but a line end between documents, as if it lacked between.txt, and documents as
// they are.
func (p *Prompts) Unmarked() *Prompts {
	plain := p.Unescaped()
	plain.between, plain.hash = nil, p.plain
	return plain
}

// EmptyDocuments stands for the documents in a prompt that has none, as in the grounding test.
const EmptyDocuments = "Empty"

// Documents returns what precedes the instruction of every prompt over docs, which are escaped. No docs gives that
// of the grounding test.
func (p *Prompts) Documents(docs []string) string {
	text := EmptyDocuments
	if len(docs) > 0 {
		shown := make([]string, len(docs))
		for i, d := range docs {
			shown[i] = p.Escape(d)
		}
		text = strings.Join(shown, p.Between())
	}
	return p.documents.render(map[string]string{"documents": text}) + "\n"
}

// Around returns what stands before and after the documents of every prompt. The error is that of a set that
// has them twice.
func (p *Prompts) Around() (before, after string, err error) {
	const mark = "\ufdd0" // a noncharacter, which no set of prompts holds
	before, after, found := strings.Cut(p.documents.render(map[string]string{"documents": mark})+"\n", mark)
	if !found || strings.Contains(after, mark) {
		return "", "", errors.New("the prompt set has {{documents}} in documents.txt more than once, so that " +
			"documents cannot be cut; write it there once")
	}
	return before, after, nil
}

// Between returns what stands between two documents.
func (p *Prompts) Between() string {
	if p.between == nil {
		return "\n"
	}
	return "\n" + p.between.render(nil) + "\n"
}

// Drawn is what chance draws for a questioner.
type Drawn struct {
	Letter string // of the option that must be right, if the task has options
	Place  string // words of the documents that the question is to be about, if the set shows them: see Places
}

// Places reports whether the questioner is shown where in the documents to ask: a set does that for a model that is too
// small to choose one of many places at random.
func (p *Prompts) Places() bool {
	for _, t := range p.questioner {
		if slices.Contains(t.fields, "place") {
			return true
		}
	}
	return false
}

// Questioner returns the prompt that asks for a question over docs, in two parts whose
// concatenation is the prompt: prefix depends on docs alone. Without history the prompt is the one
// for a first visit.
func (p *Prompts) Questioner(t task.Task, docs []string, history []Example, drawn Drawn) (prefix, suffix string) {
	values := map[string]string{"letter": drawn.Letter, "place": drawn.Place}
	first, later := t.QuestionerPrompts()
	if len(history) == 0 {
		return p.Documents(docs), p.questioner[first].render(values)
	}
	var examples strings.Builder
	for i, e := range history {
		examples.WriteString(p.example.render(map[string]string{
			"number": strconv.Itoa(i + 1), "question": e.Question, "answer": e.Answer,
		}))
		examples.WriteByte('\n')
	}
	values["history"] = examples.String()
	return p.Documents(docs), p.questioner[later].render(values)
}

// Responder returns the prompt that asks q over docs, split as in Questioner. No docs gives the
// prompt of the grounding test.
func (p *Prompts) Responder(t task.Task, docs []string, q task.Question) (prefix, suffix string) {
	suffix = p.responder[t.ResponderPrompt()].render(map[string]string{"question": p.QuestionText(q)})
	return p.Documents(docs), suffix
}

// Verifier returns the prompt that asks whether prediction and reference are the same answer to q.
func (p *Prompts) Verifier(q task.Question, prediction, reference string) string {
	return p.verifier.render(map[string]string{
		"question": p.QuestionText(q), "prediction": prediction, "reference": reference,
	})
}

// QuestionText returns the question as responder, verifier and later questioners read it: with its
// options, if it has them.
func (p *Prompts) QuestionText(q task.Question) string {
	if len(q.Options) != len(task.Letters) {
		return q.Text
	}
	return p.choices.render(map[string]string{
		"question": q.Text, "a": q.Options[0], "b": q.Options[1], "c": q.Options[2], "d": q.Options[3],
	})
}
