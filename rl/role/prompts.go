package role

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

//go:embed prompts/full/*.txt prompts/compact/*.txt
var embedded embed.FS

// format is the reply format a set of prompts asks for; format.txt names it.
type format uint8

const (
	formatJSON  format = iota // "json": the paper's replies
	formatWords               // "words": the compact replies
)

// Prompts is one set of prompt texts and the parser of the replies they ask for. It is read-only after Load.
//
// A set is a folder of text files; one line end at a file's end does not count:
//
//	format.txt                  json or words
//	documents.txt               {{documents}}: opens every prompt that has documents
//	questioner_TASK.txt         follows the documents; TASK is general_qa, numeric or multiple_choice ({{letter}})
//	questioner_TASK_history.txt the same with {{history}}
//	example.txt                 {{question}} {{answer}}: one line or block of the history, {{number}} from 1
//	choices.txt                 {{question}} {{a}} {{b}} {{c}} {{d}}: a multiple-choice question with its options
//	responder.txt               {{question}}: follows the documents; general QA and multiple choice
//	responder_numeric.txt       {{question}}: the same for numeric questions
//	verifier.txt                {{question}} {{prediction}} {{reference}}: a whole prompt
type Prompts struct {
	// Thinking says that the chat template ends every prompt inside an open <think>: a reply without </think> is then
	// one whose reasoning never ended, although the reply itself holds no <think>.
	Thinking bool

	format            format
	documents         template
	questioner        [NumTasks]template
	questionerHistory [NumTasks]template
	example, choices  template
	responder         [NumTasks]template
	verifier          template
}

// EmptyDocuments stands for the documents in a prompt that has none, as in the grounding test.
const EmptyDocuments = "Empty"

// Load reads the embedded set "full" or "compact", or the set in a folder when name is a path.
func Load(name string) (*Prompts, error) {
	if name == "full" || name == "compact" {
		set, err := fs.Sub(embedded, path.Join("prompts", name))
		if err != nil {
			return nil, fmt.Errorf("reading prompt set %s: %w", name, err)
		}
		return load(name, set)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading prompt set %s: %w; use full, compact or a folder of prompt files", name, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("reading prompt set %s: it is a file; name the folder that holds it", name)
	}
	return load(name, os.DirFS(name))
}

func load(name string, set fs.FS) (*Prompts, error) {
	p := &Prompts{}
	read := func(file string) (string, error) {
		b, err := fs.ReadFile(set, file)
		if err != nil {
			return "", fmt.Errorf("reading prompt set %s: %w", name, err)
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		return strings.TrimSuffix(text, "\n"), nil
	}
	word, err := read("format.txt")
	if err != nil {
		return nil, err
	}
	switch strings.TrimSpace(word) {
	case "json":
		p.format = formatJSON
	case "words":
		p.format = formatWords
	default:
		return nil, fmt.Errorf("reading prompt set %s: format.txt says %q; write json or words", name, word)
	}
	for _, f := range p.files() {
		text, err := read(f.name)
		if err != nil {
			return nil, err
		}
		if *f.into, err = parseTemplate(text, f.required, f.optional); err != nil {
			return nil, fmt.Errorf("reading prompt set %s: %s: %w", name, f.name, err)
		}
	}
	p.responder[MultipleChoice] = p.responder[GeneralQA]
	return p, nil
}

type promptFile struct {
	name               string
	into               *template
	required, optional []string
}

// files lists the templates of a set and the fields each one takes.
func (p *Prompts) files() []promptFile {
	files := []promptFile{
		{"documents.txt", &p.documents, []string{"documents"}, nil},
		{"example.txt", &p.example, []string{"question", "answer"}, []string{"number"}},
		{"choices.txt", &p.choices, []string{"question", "a", "b", "c", "d"}, nil},
		{"responder.txt", &p.responder[GeneralQA], []string{"question"}, nil},
		{"responder_numeric.txt", &p.responder[Numeric], []string{"question"}, nil},
		{"verifier.txt", &p.verifier, []string{"question", "prediction", "reference"}, nil},
	}
	for t := range Task(NumTasks) {
		var required []string
		if t == MultipleChoice {
			required = []string{"letter"}
		}
		files = append(files,
			promptFile{"questioner_" + t.String() + ".txt", &p.questioner[t], required, nil},
			promptFile{"questioner_" + t.String() + "_history.txt", &p.questionerHistory[t],
				append([]string{"history"}, required...), nil})
	}
	return files
}

// Questioner returns the prompt that asks for a question over docs, in two parts whose concatenation is the prompt:
// prefix depends on docs alone. Without history the prompt is the one for a first visit. For multiple choice, letter
// is the option that must be right; other tasks ignore it.
func (p *Prompts) Questioner(task Task, docs []string, history []Example, letter string) (prefix, suffix string) {
	values := map[string]string{"letter": letter}
	if len(history) == 0 {
		return p.prefix(docs), p.questioner[task].render(values)
	}
	var examples strings.Builder
	for i, e := range history {
		examples.WriteString(p.example.render(map[string]string{
			"number": strconv.Itoa(i + 1), "question": e.Question, "answer": e.Answer,
		}))
		examples.WriteByte('\n')
	}
	values["history"] = examples.String()
	return p.prefix(docs), p.questionerHistory[task].render(values)
}

// Responder returns the prompt that asks q over docs, split as in Questioner. No docs gives the prompt of the grounding test.
func (p *Prompts) Responder(task Task, docs []string, q Question) (prefix, suffix string) {
	return p.prefix(docs), p.responder[task].render(map[string]string{"question": p.QuestionText(q)})
}

// Verifier returns the prompt that asks whether prediction and reference are the same answer to q.
func (p *Prompts) Verifier(q Question, prediction, reference string) string {
	return p.verifier.render(map[string]string{
		"question": p.QuestionText(q), "prediction": prediction, "reference": reference,
	})
}

// QuestionText is the question as responder, verifier and later questioners read it: with its options, if it has them.
func (p *Prompts) QuestionText(q Question) string {
	if len(q.Options) != len(Letters) {
		return q.Text
	}
	return p.choices.render(map[string]string{
		"question": q.Text, "a": q.Options[0], "b": q.Options[1], "c": q.Options[2], "d": q.Options[3],
	})
}

func (p *Prompts) prefix(docs []string) string {
	text := EmptyDocuments
	if len(docs) > 0 {
		text = strings.Join(docs, "\n")
	}
	return p.documents.render(map[string]string{"documents": text}) + "\n"
}
