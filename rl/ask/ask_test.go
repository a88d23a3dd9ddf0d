package ask

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"spell/kernels/cpu"
	"spell/model"
	"spell/model/open"
	"spell/model/rollout"
	"spell/rl/corpus"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/rl/runner"
	"spell/rl/task"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

func load(t *testing.T, set string) *role.Prompts {
	t.Helper()
	p, err := role.Load(set)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reader reads documents of these texts.
func reader(t *testing.T, d *chat.Dialog, set string, maxInput int, texts ...string) *Reader {
	t.Helper()
	var docs []corpus.Document
	for i, text := range texts {
		docs = append(docs, corpus.Document{Name: fmt.Sprint(i), Text: text})
	}
	r, err := NewReader(context.Background(), docs, d, load(t, set), task.GeneralQA, maxInput)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func prompt(t *testing.T, r *Reader, question string) *Prompt {
	t.Helper()
	p, err := r.Prompt(question)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dialog has a tokenizer of several bytes a token, and no template.
func dialog(t *testing.T) *chat.Dialog {
	t.Helper()
	tok, err := tokenizer.Train(slices.Values([]string{ferry, moor}), tokenizer.TrainOptions{VocabSize: 320,
		Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	return &chat.Dialog{Tok: tok}
}

const (
	ferry = "The ferry to Norrhaven leaves at nine. The harbour master, Zoë Lund, counts the passengers twice and " +
		"writes the number into a green book. \n\nIn winter the ferry does not run on Sundays, “unless the mail is " +
		"late”. Then it sails at noon, and the captain rings the bell — three times — before the ropes are let go."
	moor = "Granite lies beneath the northern moor; sheep graze on it from May until the first snow."
)

// TestPassages: the tokens of a passage are its text, every character of the documents lies in a passage, and the
// places of passages are counted in characters.
func TestPassages(t *testing.T) {
	for _, set := range role.Sets() {
		d := dialog(t)
		r := reader(t, d, set, 4096, ferry, moor, strings.Repeat("x", 600))
		p := prompt(t, r, "When does the ferry leave?")
		if p.Read != p.Of || r.Note([]*Prompt{p}) != "" {
			t.Errorf("%s: %d of %d characters are read: %q", set, p.Read, p.Of, r.Note([]*Prompt{p}))
		}
		prefix, suffix := r.Prompts.Responder(r.Task, []string{ferry, moor, r.docs[2].Text},
			task.Question{Text: p.Question})
		if got := d.Tok.Decode(slices.Concat(p.docs.ids, p.ask)); got != prefix+suffix {
			t.Fatalf("%s: the prompt is %q, want %q", set, got, prefix+suffix)
		}
		held := make([][]int32, len(p.docs.passages))
		for i, g := range p.docs.groups {
			if g >= 0 {
				held[g] = append(held[g], p.docs.ids[i])
			}
		}
		whole := make([]string, len(r.docs))
		for g, q := range p.docs.passages {
			text := r.docs[q.doc].Text[q.start:q.end]
			// A token may take blank space beside it along.
			if got := d.Tok.Decode(held[g]); strings.TrimSpace(got) != text {
				t.Errorf("%s: the tokens of passage %q are %q", set, text, got)
			}
			whole[q.doc] += text
			s := passage(r.docs, q, 0.5)
			if got := string([]rune(r.docs[q.doc].Text)[s.Start:s.End]); got != text || s.Text != text ||
				s.Document != fmt.Sprint(q.doc) || utf8.RuneCountInString(text) > passageChars {
				t.Errorf("%s: passage %+v, characters there are %q", set, s, got)
			}
		}
		for i, doc := range r.docs {
			dense := func(s string) string { return strings.Join(strings.Fields(s), "") }
			if dense(whole[i]) != dense(doc.Text) {
				t.Errorf("%s: the passages of document %d are %q", set, i, whole[i])
			}
		}
	}
}

// TestEscapedPassages: the passages behind a mark that a prompt shows with a backslash are where they are.
func TestEscapedPassages(t *testing.T) {
	d := dialog(t)
	tag := strings.TrimSpace(strings.Split(strings.TrimSpace(afterDocuments(t)), "\n")[0])
	r := reader(t, d, "full", 4096, ferry+" "+tag+"\n"+tag+" "+ferry, moor)
	p := prompt(t, r, "When does the ferry leave?")
	if !strings.Contains(d.Tok.Decode(p.docs.ids), `\`) {
		t.Fatalf("%q is not escaped", tag)
	}
	last := len(p.docs.passages) - 1
	var held []int32
	for i, g := range p.docs.groups {
		if int(g) == last {
			held = append(held, p.docs.ids[i])
		}
	}
	if got := strings.TrimSpace(d.Tok.Decode(held)); got != moor {
		t.Errorf("the tokens of the last passage are %q", got)
	}
}

// afterDocuments returns what the full set puts behind documents.
func afterDocuments(t *testing.T) string {
	t.Helper()
	_, after, err := load(t, "full").Around()
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// TestNearest: of documents beyond a prompt it holds the pieces nearest to the question, in the order of the
// documents, as one where they follow each other; questions with equal pieces share them.
func TestNearest(t *testing.T) {
	var texts []string
	for i := range 12 {
		texts = append(texts, fmt.Sprintf("Report %d. %s", i, strings.Repeat(fmt.Sprintf("Word%d goes on. ", i), 40)))
	}
	texts[7] += "\n\n" + ferry
	texts[3] += "\n\n" + moor
	r := reader(t, dialog(t), "full", 1200, texts...)
	first, again := prompt(t, r, "Does the ferry to Norrhaven run in winter?"),
		prompt(t, r, "Does the ferry to Norrhaven run in winter??")
	sheep := prompt(t, r, "Until when do sheep graze on the moor?")
	for _, c := range []struct {
		p    *Prompt
		want string
	}{{first, "In winter the ferry does not run on Sundays"}, {sheep, "until the first snow"}} {
		got := r.Chat.Tok.Decode(c.p.docs.ids)
		if !strings.Contains(got, c.want) || c.p.Tokens() > r.MaxInput || c.p.Read >= c.p.Of {
			t.Errorf("%q: %d tokens, %d of %d characters: %q", c.p.Question, c.p.Tokens(), c.p.Read, c.p.Of, got)
		}
		last := part{doc: -1}
		for _, q := range c.p.docs.passages {
			if q.doc < last.doc || q.doc == last.doc && q.start < last.end {
				t.Errorf("%q: passage %v follows %v", c.p.Question, q, last)
			}
			last = q
		}
	}
	if first.docs != again.docs || first.docs == sheep.docs {
		t.Error("prompts share other documents than those that are equal")
	}
	note := r.Note([]*Prompt{first, sheep})
	if !strings.Contains(note, "a prompt holds 1200") || strings.Count(note, "%") != 1 {
		t.Errorf("%q", note)
	}
	for question, want := range map[string]string{
		strings.Repeat("why ", 2000): "without documents, and a prompt may have 1200",
	} {
		if _, err := r.Prompt(question); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", question, err)
		}
	}
}

func TestElect(t *testing.T) {
	for _, c := range []struct {
		task        task.Task
		answers     string // separated by |, - for none
		best, votes int
	}{
		{task.GeneralQA, "Norvale", 0, 1},
		{task.GeneralQA, "-", 0, 0},
		{task.GeneralQA, "-|-|Norvale", 2, 1},
		{task.GeneralQA, "Kirby|Norvale|the town of Norvale", 1, 2},
		{task.GeneralQA, "Kirby|Norvale|-|Norvale|Kirby", 0, 2},
		{task.Numeric, "7|12.5|12.50", 1, 2},
	} {
		var answers []*string
		for a := range strings.SplitSeq(c.answers, "|") {
			if answers = append(answers, &a); a == "-" {
				answers[len(answers)-1] = nil
			}
		}
		if best, votes := elect(c.task, answers); best != c.best || votes != c.votes {
			t.Errorf("%s: number %d with %d votes, want %d with %d", c.answers, best, votes, c.best, c.votes)
		}
	}
}

// TestStated: an answer's tokens are those of its first place in a reply as words of their own.
func TestStated(t *testing.T) {
	d := dialog(t)
	r := &Reader{Chat: d}
	for _, c := range []struct{ reply, answer, before, at string }{
		{"The ferry leaves at nine. The answer is nine.", "nine", "The ferry leaves at", " nine"},
		{"In 19 winters, 9 ferries", "9", "In 19 winters, ", "9"},
		{"nineteen, nine", "nine", "nineteen,", " nine"},
		{"Zoë Lund", "Zoë Lund", "", "Zoë Lund"},
		{"(nine)", "nine", "(", "nine"},
		{"nineteen", "nine", "", ""},
		{"", "nine", "", ""},
	} {
		ids := d.Tok.Encode(c.reply)
		from, to, ok := r.stated(ids, c.answer)
		if ok != (c.at != "") {
			t.Errorf("%q in %q: %v", c.answer, c.reply, ok)
			continue
		}
		if before, at := d.Tok.Decode(ids[:from]), d.Tok.Decode(ids[from:to]); before != c.before || at != c.at {
			t.Errorf("%q in %q: %q after %q, want %q after %q", c.answer, c.reply, at, before, c.at, c.before)
		}
	}
	if _, ok := wordsAt("nine", ""); ok {
		t.Error("nothing is found")
	}
}

// base is the embedded base, ready to generate.
func base(t *testing.T) (b *cpu.Backend, w *model.Weights, text *chat.Dialog) {
	t.Helper()
	b, err := cpu.New(cpu.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	dir, done, err := runner.ModelFolder("")
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if w, err = open.Load(context.Background(), b, dir, model.F32, model.Inference); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	if text, err = runner.OpenText(dir, w.Vocab); err != nil {
		t.Fatal(err)
	}
	return b, w, text
}

// TestOneSentence: the base reads a fact where it stands: of all sentences of twenty documents, attention goes to
// the one that states the answer most, for nearly all questions that it answers rightly.
func TestOneSentence(t *testing.T) {
	b, w, text := base(t)
	items, err := world.Evaluation(context.Background(), 11, world.EvaluationOptions{Questions: 48,
		Weights: world.Weights{world.OneHop: 2, world.Lookup: 1},
		Cluster: world.Options{Docs: 20, Pool: world.HeldOut, Chains: true}})
	if err != nil {
		t.Fatal(err)
	}
	how := Asking{Samples: 1, MaxTokens: 32, Sampling: rollout.Sampling{TopP: 1}}
	n, right, from := 0, 0, 0
	for _, it := range items {
		var sentences, questions []string
		for _, text := range it.Cluster.Texts() {
			for s := range strings.SplitAfterSeq(text, " .") {
				if s = strings.TrimSpace(s); s != "" {
					sentences = append(sentences, s)
				}
			}
		}
		r := reader(t, text, "compact", 2048, sentences...)
		var prompts []*Prompt
		for _, q := range it.Questions {
			prompts, questions = append(prompts, prompt(t, r, q.Text)), append(questions, q.Text)
		}
		for i, a := range answers(t, b, w, r, prompts, how) {
			if n++; a.Question != questions[i] {
				t.Fatalf("%q is answered in the place of %q", a.Question, questions[i])
			}
			if q := it.Questions[i]; a.Answer != nil && q.Task.Match(task.Rules{}, *a.Answer, q.Answer) {
				right++
				// The sentence has relation, subject and value, as the reply begins.
				if p := a.Passage.Text; strings.HasPrefix(strings.TrimSpace(a.Reply), p) {
					from++
				}
			}
		}
	}
	if right < n*8/10 || from < right*9/10 {
		t.Errorf("%d of %d answers are right, %d of these from the sentence", right, n, from)
	}
}

// answers asks and checks that asking again with other sizes of the cache gives the same answers.
func answers(t *testing.T, b *cpu.Backend, w *model.Weights, r *Reader, prompts []*Prompt, how Asking) (
	first []*Answer) {

	t.Helper()
	for _, rows := range []int{512, 64} {
		slots := Slots(prompts, how)
		if rows < 512 {
			slots = Slots(prompts[:1], how)
			for _, p := range prompts {
				slots = max(slots, Slots([]*Prompt{p}, how))
			}
		}
		e, err := rollout.New(b, w, rollout.Options{Slots: slots, Rows: rows, Stop: runner.EndTokens(w.EOS, r.Chat)})
		if err != nil {
			t.Fatal(err)
		}
		var list []*Answer
		err = r.Ask(context.Background(), e, prompts, how, func(a *Answer) error {
			list = append(list, a)
			return nil
		})
		e.Free()
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = list
		} else if !reflect.DeepEqual(list, first) {
			t.Errorf("a small cache changes the answers")
		}
	}
	return first
}

// TestShares: a document's only passage has all of the attention to documents, and the log-probabilities are
// those of the reply.
func TestShares(t *testing.T) {
	b, w, text := base(t)
	r := reader(t, text, "compact", 2048, "region Kirby Tolland . mayor Kirby Jordell .")
	list := []*Prompt{prompt(t, r, "what is the region of Kirby ?"), prompt(t, r, "Wer ist da ?")}
	how := Asking{Samples: 4, MaxTokens: 16, Sampling: rollout.Sampling{TopP: 1, Temperature: 1}}
	got := answers(t, b, w, r, list, how)
	for _, a := range got {
		if math.Abs(a.Passage.Share-1) > 1e-6 || !(a.OnDocs > 0.01 && a.OnDocs < 0.99) || a.Samples != 4 {
			t.Errorf("%+v, %+v", a, a.Passage)
		}
		if !(*a.LogProb < 0 && *a.LogProbToken >= *a.LogProb) ||
			a.AnswerLogProb != nil && !(*a.AnswerLogProb >= *a.LogProb && *a.AnswerLogProb <= 0) {
			t.Errorf("log-probabilities %g, %g a token, %v of the answer", *a.LogProb, *a.LogProbToken, a.AnswerLogProb)
		}
	}
	if a := got[0]; a.Answer == nil || *a.Answer != "Tolland" || a.Votes < 3 || a.AnswerLogProb == nil {
		t.Errorf("%+v", a)
	}
}
