package measure

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/model/rollout"
	"spell/rl/corpus"
	"spell/rl/corpus/reading"
	"spell/rl/eval"
	"spell/rl/role"
	"spell/tensor/rng"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// A scripted engine says what its function says to each prompt, the k-th time.
type scripted struct {
	tok   *tokenizer.Tokenizer
	reply func(prompt string, k int) string
}

func (s *scripted) Generate(ctx context.Context, reqs []rollout.Request) (out []rollout.Result, _ error) {
	for _, q := range reqs {
		r := rollout.Result{Forest: slices.Clone(q.Prompt)}
		for i, b := range q.Branches {
			prompt := ""
			for _, a := range q.Prompt.Path(b.Segment) {
				prompt += s.tok.Decode(q.Prompt[a].Tokens)
			}
			for k := range b.N {
				at := r.Forest.Add(b.Segment, s.tok.Encode(s.reply(prompt, k)), true)
				r.Answers = append(r.Answers, rollout.Answer{Branch: i, Segment: at})
			}
		}
		out = append(out, r)
	}
	return out, ctx.Err()
}

func policy(t *testing.T, reply func(prompt string, k int) string) eval.Policy {
	t.Helper()
	prompts, err := role.Load("reading")
	if err != nil {
		t.Fatal(err)
	}
	texts := slices.Values([]string{" the answer is question : yes no"})
	tok, err := tokenizer.Train(texts, tokenizer.TrainOptions{VocabSize: 280, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	return eval.Policy{Engine: &scripted{tok, reply}, Chat: &chat.Dialog{Tok: tok}, Prompts: prompts}
}

// pages is a folder of pages with lines and sentences.
func pages(n int) *corpus.Corpus {
	var docs []corpus.Document
	for i := range n {
		docs = append(docs, corpus.Document{Name: fmt.Sprintf("land/%d.txt", i), Text: fmt.Sprintf(
			"Norland%d\n\nCapital: Port Tolan%d\nArea: %d sq km\nThe old harbour %d was built by the Kestor%d "+
				"Company in %d, and the light beside harbour %d was lit in %d by Anders%d Holm himself.",
			i, i, 2500+7*i, i, i, 1800+i, i, 1850+i, i)})
	}
	return reading.Gather(docs)
}

func words(text string) int { return len(strings.Fields(text)) }

var small = Options{Questions: 32, Length: 60, Lengths: 2, Asked: 12, Answers: 4, Examples: 2, Seed: 3}

func plan(t *testing.T, o Options) *Plan {
	t.Helper()
	p, err := New(t.Context(), pages(24), policy(t, nil).Prompts, words, 0, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// gold maps every prompt of a plan to the gold reply, of questions that are asked as gold says, too.
func gold(t *testing.T, p *Plan, prompts *role.Prompts) map[string]string {
	t.Helper()
	replies := map[string]string{}
	answered := func(c *reading.Cluster, q reading.Question) {
		prefix, suffix := prompts.Responder(q.Task, c.Texts(), q.Question)
		replies[prefix+suffix], _ = c.Reply(q.Question, q.Task)
	}
	for _, s := range p.stretches {
		for _, it := range s.Items {
			for _, q := range it.Questions {
				answered(it.Cluster, q)
			}
		}
	}
	for i, turn := range p.turns {
		c := p.over[i]
		for k := range reading.NumQuestionKinds {
			q, ok := c.Question(rng.At(1, rng.Reading, 0, uint64(i), 0), reading.Kind(k))
			if !ok || q.Task != turn.Task {
				continue
			}
			prefix, suffix := prompts.Questioner(turn.Task, turn.Docs, nil, turn.Drawn)
			replies[prefix+suffix], _, _ = c.Ask(prompts, q.Question, turn.Task)
			answered(c, q)
			break
		}
	}
	for _, b := range p.pairs {
		replies[b.Suffix] = b.Reply
	}
	return replies
}

// TestMeasure: what scripted models say is counted as what it is.
func TestMeasure(t *testing.T) {
	p := plan(t, small)
	for name, tt := range map[string]struct {
		say            func(gold string, k int) string
		right, valid   int // of 32 answers, over each length
		readable, true int // of 12 questions
		known          int
		pass           float64
		all, some      float64
		accept, reject bool
	}{
		"gold": {func(gold string, _ int) string { return gold }, 32, 32, 12, 12, 12, 1, 1, 0, true, true},
		"unreadable": {func(string, int) string { return " well ." },
			0, 0, 0, 0, 0, 0, 0, 0, false, false},
		"half the answers to its own": {func(gold string, k int) string {
			if k%2 == 1 {
				return " well ."
			}
			return gold
		}, 32, 32, 12, 12, 12, 0.5, 0, 1, true, true},
		"of no place": {func(gold string, _ int) string {
			question, after, asks := strings.Cut(gold, " answer :")
			if !asks {
				return gold
			}
			question = strings.NewReplacer("fill :", "fill : nowhere", "of Norland", "of nowhere Norland",
				"says :", "says : nowhere").Replace(question)
			return question + " answer :" + after
		}, 32, 32, 12, 0, 0, 0, 0, 0, true, true},
		"always yes": {func(gold string, _ int) string {
			if gold == " no ." {
				return " yes ."
			}
			return gold
		}, 32, 32, 12, 12, 12, 1, 1, 0, true, false},
	} {
		var replies map[string]string
		policy := policy(t, func(prompt string, k int) string { return tt.say(replies[prompt], k) })
		replies = gold(t, p, policy.Prompts)
		var doing []string
		out, err := p.Measure(t.Context(), policy, func(what string) { doing = append(doing, what) })
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range out.Accuracies {
			if a.Length != 60<<i || a.All != (eval.Count{N: 32, Right: tt.right}) || a.Valid.N != tt.valid {
				t.Errorf("%s: over %d tokens %v", name, a.Length, a.Result)
			}
		}
		all := out.Asked[len(out.Asked)-1]
		want := Asking{Asked: 12, Readable: tt.readable, Known: tt.known, True: tt.true, PassRate: tt.pass,
			AllRight: tt.all, Some: tt.some}
		if want.Readable > 0 {
			want.None = 1 - tt.all - tt.some
		}
		if all != want {
			t.Errorf("%s: asked %+v, want %+v", name, all, want)
		}
		sum := Asking{}
		for _, a := range out.Asked[:len(out.Asked)-1] {
			sum.Asked, sum.Readable, sum.True = sum.Asked+a.Asked, sum.Readable+a.Readable, sum.True+a.True
		}
		if sum != (Asking{Asked: 12, Readable: tt.readable, True: tt.true}) || len(out.Questions) != 12 {
			t.Errorf("%s: the tasks add up to %+v", name, sum)
		}
		if a, r := out.Accept, out.Reject; a.N+r.N != 12 || a.N == 0 || r.N == 0 ||
			(a.Right == a.N) != tt.accept || (r.Right == r.N) != tt.reject {
			t.Errorf("%s: accepts %+v, rejects %+v", name, a, r)
		}
		if len(out.Answered) != 2 || len(out.Posed) != 2 || len(doing) != 5 {
			t.Errorf("%s: %d and %d examples, %q", name, len(out.Answered), len(out.Posed), doing)
		}
	}
}

// TestPlan: a plan follows from its arguments, and leaves out what a context or the documents do not hold.
func TestPlan(t *testing.T) {
	if a, b := plan(t, small), plan(t, small); !reflect.DeepEqual(a.turns, b.turns) ||
		!reflect.DeepEqual(a.pairs, b.pairs) || a.stretches[1].Items[0].Questions[0].Text !=
		b.stretches[1].Items[0].Questions[0].Text {
		t.Error("two plans of the same arguments differ")
	}
	o := small
	o.Lengths = 6
	prompts := policy(t, nil).Prompts
	for name, tt := range map[string]struct {
		most    int // of the context
		lengths int
		left    string
	}{
		"no limit":     {0, 5, "questions over 1920 tokens are left out: the documents are too short"},
		"a limit":      {336, 3, "questions over 480, 960, 1920 tokens are left out: the model's context of 336"},
		"just no more": {335, 2, "questions over 240, 480, 960, 1920 tokens are left out: the model's context of 335"},
	} {
		p, err := New(t.Context(), pages(24), prompts, words, tt.most, o)
		if err != nil || p.Lengths != tt.lengths || len(p.stretches) != tt.lengths || len(p.Left()) != 1 ||
			!strings.HasPrefix(p.Left()[0], tt.left) {
			t.Errorf("%s: %d lengths, %q, %v", name, p.Lengths, p.Left(), err)
		}
	}
	p := plan(t, small)
	sizes, err := p.Sizes(t.Context(), policy(t, nil))
	if err != nil || len(sizes) != 2 || sizes[0].Context <= 2*questionTokens+answerTokens ||
		sizes[0].Slots <= sizes[0].Context {
		t.Fatalf("%+v, %v", sizes, err)
	}
	sizes = []Size{{100, 1}, {200, 1}}
	if err := p.Fit(sizes, 200); err != nil || p.Lengths != 2 || p.Left() != nil {
		t.Errorf("%d lengths fit, %q, %v", p.Lengths, p.Left(), err)
	}
	if err := p.Fit(sizes, 199); err != nil || p.Lengths != 1 || len(p.Left()) != 1 {
		t.Errorf("%d lengths fit, %q, %v", p.Lengths, p.Left(), err)
	}
	if err := p.Fit(sizes, 99); err == nil || !strings.Contains(err.Error(), "context of 99") {
		t.Error(err)
	}
}

// TestErrors: what cannot be measured is refused in a sentence.
func TestErrors(t *testing.T) {
	prompts := policy(t, nil).Prompts
	of := func(texts ...string) *corpus.Corpus {
		var docs []corpus.Document
		for i, text := range texts {
			docs = append(docs, corpus.Document{Name: fmt.Sprint(i), Text: text})
		}
		return reading.Gather(docs)
	}
	for name, tt := range map[string]struct {
		docs *corpus.Corpus
		most int
		says string
	}{
		"a word":          {of("Hello"), 0, "nothing can be asked over 60 tokens of these documents"},
		"short documents": {of("The harbour was built by the Kestor Company in 1912 for ships."), 0, "too short"},
		"a short context": {pages(24), 100, "the model's context of 100 does not hold 60 tokens"},
	} {
		if _, err := New(t.Context(), tt.docs, prompts, words, tt.most, small); err == nil ||
			!strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx, pages(24), prompts, words, 0, small); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	says := policy(t, func(string, int) string { return "" })
	if _, err := plan(t, small).Measure(ctx, says, func(string) {}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
