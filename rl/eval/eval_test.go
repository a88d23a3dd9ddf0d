package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"spell/model/rollout"
	"spell/rl/corpus/world"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// A scripted engine says what its function says to each prompt.
type scripted struct {
	tok   *tokenizer.Tokenizer
	reply func(prompt string) string
	reqs  []rollout.Request
}

func (s *scripted) Generate(ctx context.Context, reqs []rollout.Request) ([]rollout.Result, error) {
	s.reqs = append(s.reqs, reqs...)
	var out []rollout.Result
	for _, q := range reqs {
		r := rollout.Result{Forest: slices.Clone(q.Prompt)}
		for i, l := range q.Branches {
			prompt := ""
			for _, a := range q.Prompt.Path(l.Segment) {
				prompt += s.tok.Decode(q.Prompt[a].Tokens)
			}
			at := r.Forest.Add(l.Segment, s.tok.Encode(s.reply(prompt)), true)
			r.Answers = append(r.Answers, rollout.Answer{Branch: i, Segment: at})
		}
		out = append(out, r)
	}
	return out, ctx.Err()
}

func policy(t *testing.T, reply func(string) string) (Policy, *scripted) {
	t.Helper()
	prompts, err := role.Load("compact")
	if err != nil {
		t.Fatal(err)
	}
	texts := slices.Values([]string{" the answer is question : yes no"})
	tok, err := tokenizer.Train(texts, tokenizer.TrainOptions{VocabSize: 280, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{tok: tok, reply: reply}
	return Policy{Engine: s, Chat: &chat.Dialog{Tok: tok}, Prompts: prompts}, s
}

func evaluation(t *testing.T) []world.Item {
	t.Helper()
	items, err := world.Evaluation(t.Context(), 7, world.EvaluationOptions{Questions: 120,
		Cluster: world.Options{Docs: 5, Pool: world.HeldOut, Chains: true}})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// gold maps each whole prompt of a test to its answer.
func gold(p Policy, items []world.Item) map[string]world.Question {
	answers := map[string]world.Question{}
	for _, it := range items {
		prefix, _ := p.Prompts.Responder(task.GeneralQA, it.Cluster.Texts(), task.Question{})
		for _, q := range it.Questions {
			_, suffix := p.Prompts.Responder(q.Task, nil, q.Question)
			answers[prefix+suffix] = q
		}
	}
	return answers
}

func answer(q world.Question, text string) string {
	if q.Task == task.MultipleChoice {
		return " the answer is ( " + text + " ) ."
	}
	return " the answer is " + text + " ."
}

// TestQuestions: who always says the reference has all right, who never does none, and who says
// nothing readable none of none.
func TestQuestions(t *testing.T) {
	items := evaluation(t)
	var answers map[string]world.Question
	n := 0
	for _, it := range items {
		n += len(it.Questions)
	}
	if n != 120 {
		t.Fatalf("%d questions", n)
	}
	half := 0
	for name, tt := range map[string]struct {
		reply        func(q world.Question) string
		right, valid int
	}{
		"gold": {func(q world.Question) string { return answer(q, q.Answer) }, n, n},
		"wrong": {func(q world.Question) string {
			switch q.Task {
			case task.Numeric:
				return answer(q, q.Answer+"1")
			case task.MultipleChoice:
				return answer(q, string(task.Letters[(strings.Index(task.Letters, q.Answer)+1)%4]))
			}
			return answer(q, "nobody")
		}, 0, n},
		"unreadable": {func(q world.Question) string { return " " + q.Answer }, 0, 0},
		"another beside": {func(q world.Question) string { // naming everything is not knowing
			if q.Task != task.GeneralQA {
				return ""
			}
			return answer(q, "nobody or "+q.Answer)
		}, 0, -1},
		"half": {func(q world.Question) string {
			if half++; half%2 == 0 {
				return answer(q, q.Answer)
			}
			return ""
		}, n / 2, n / 2},
	} {
		t.Run(name, func(t *testing.T) {
			half = 0
			p, s := policy(t, func(prompt string) string {
				q, ok := answers[prompt]
				if !ok {
					t.Fatalf("an unknown prompt: %q", prompt)
				}
				return tt.reply(q)
			})
			answers = gold(p, items)
			res, err := World(3, items).Ask(context.Background(), p, 48)
			if err != nil {
				t.Fatal(err)
			}
			sum := Count{}
			for _, c := range res.ByKind {
				sum.N += c.N
				sum.Right += c.Right
			}
			if res.All != (Count{n, tt.right}) || sum != res.All || res.Valid.Right != tt.right ||
				tt.valid >= 0 && res.Valid.N != tt.valid {
				t.Errorf("all %+v, valid %+v, kinds %+v; want %d right, %d valid of %d",
					res.All, res.Valid, sum, tt.right, tt.valid, n)
			}
			if !strings.HasPrefix(res.String(), fmt.Sprintf("%.1f%% of %d", 100*float64(tt.right)/float64(n), n)) {
				t.Errorf("described as %q", res)
			}
			if len(s.reqs) != len(items) || res.Tokens < 50 {
				t.Errorf("%d requests for %d clusters of %d tokens", len(s.reqs), len(items), res.Tokens)
			}
			for _, q := range s.reqs {
				for _, l := range q.Branches {
					if l.Temperature != 0 || l.N != 1 || l.MaxTokens != 48 {
						t.Errorf("an answer is asked with %+v", l)
					}
				}
			}
		})
	}
	p, _ := policy(t, func(string) string { return "" })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := World(3, items).Ask(ctx, p, 48); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled test gives %v", err)
	}
	if r, err := World(3, nil).Ask(context.Background(), p, 48); err != nil || r.All.Rate() != 0 {
		t.Errorf("a test without questions gives %v, %v", r, err)
	}
}

// TestRoles: a policy that asks what is true and judges rightly, and ones that do not.
func TestRoles(t *testing.T) {
	items := evaluation(t)
	prompts, err := role.Load("compact")
	if err != nil {
		t.Fatal(err)
	}
	mix := world.DefaultTraining()
	mix.Documents, mix.Grounding, mix.Arithmetic, mix.Letters = 0, 0, 0, 0
	training, err := world.NewTraining(prompts, mix)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []world.Branch
	for i := uint64(0); len(pairs) < 64; i++ {
		pairs = append(pairs, training.Example(5, i).Branches...)
	}
	pairs = pairs[:64]
	yes := 0
	replies := map[string]string{}
	for _, b := range pairs {
		replies[b.Suffix] = b.Reply
		if prompts.ParseVote(b.Reply) == role.Yes {
			yes++
		}
	}
	// True questions, by cluster and task.
	asked := map[string]string{}
	for i := range 64 {
		it, of := items[i%len(items)], world.Tasks()[i%len(world.Tasks())]
		prefix, suffix := prompts.Questioner(of, it.Cluster.Texts(), nil, role.Drawn{Letter: task.Letters[i%4 : i%4+1]})
		for _, q := range it.Questions {
			if q.Task == of {
				reply, _, _ := it.Cluster.Ask(prompts, q.Question, q.Task)
				asked[prefix+suffix] = reply
			}
		}
	}
	var over []Truthful
	for _, it := range items {
		over = append(over, it.Cluster)
	}
	if yes == 0 || yes == 64 || len(asked) < 8 {
		t.Fatalf("%d of 64 pairs are equal, %d prompts", yes, len(asked))
	}
	for name, tt := range map[string]struct {
		vote           string // "" for the right one
		accept, reject int
	}{
		"right":      {"", yes, 64 - yes},
		"always yes": {" yes .", yes, 0},
		"always no":  {" no .", 0, 64 - yes},
		"neither":    {" well .", 0, 0},
	} {
		readable, spoken := 0, 0
		p, _ := policy(t, func(prompt string) string {
			if reply, ok := replies[prompt]; ok {
				if tt.vote != "" {
					return tt.vote
				}
				return reply
			}
			spoken++
			if asked[prompt] != "" {
				readable++
			}
			return asked[prompt]
		})
		got, err := RolesOf(context.Background(), p, over, world.Tasks(), pairs, 64, 48)
		if err != nil {
			t.Fatal(err)
		}
		want := Roles{Parse: Count{64, readable}, Right: Count{readable, readable},
			Accept: Count{yes, tt.accept}, Reject: Count{64 - yes, tt.reject}}
		if got != want || spoken != 64 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestJudge: the truth about a question is that of its cluster.
func TestJudge(t *testing.T) {
	w, err := world.NewCorpus(3, 4, world.Options{Docs: 4, Chains: true})
	if err != nil {
		t.Fatal(err)
	}
	j := WorldJudge{w}
	name := w.Clusters[1].Name
	c, _ := w.Cluster(name)
	fact := c.Facts[0][0]
	ask := func(cluster, answer string) (bool, bool) {
		text := fmt.Sprintf("what is the %v of %s ?", fact.Relation, fact.Subject)
		return j.Right(cluster, task.GeneralQA, task.Question{Text: text, Answer: answer})
	}
	if right, known := ask(name, fact.Value); !right || !known {
		t.Errorf("%v: right %v, known %v", fact, right, known)
	}
	if right, known := ask(name, "nobody"); right || !known {
		t.Errorf("a wrong answer is right %v, known %v", right, known)
	}
	for _, unknown := range []string{"no such cluster", "no such cluster (2)"} {
		if right, known := ask(unknown, fact.Value); right || known {
			t.Error("an unknown cluster knows")
		}
	}
	if right, known := ask(name+" (2)", fact.Value); !right || !known {
		t.Errorf("a part of a cluster: right %v, known %v", right, known)
	}
	if right, known := j.Right(name, task.GeneralQA, task.Question{Text: "why ?", Answer: "so"}); right || known {
		t.Error("no question of the world is known")
	}
	if !j.Same(task.GeneralQA, " "+fact.Value, fact.Value+" ") || j.Same(task.GeneralQA, "nobody", fact.Value) {
		t.Error("answers are compared wrongly")
	}
}

// TestBelow: a rate is below another if it fell by more than two standard errors, and never if nothing
// was counted.
func TestBelow(t *testing.T) {
	for _, tt := range []struct {
		before, after Count
		below         bool
	}{
		{Count{64, 64}, Count{64, 0}, true},
		{Count{64, 57}, Count{64, 0}, true},
		{Count{64, 57}, Count{64, 54}, false},
		{Count{64, 57}, Count{64, 46}, true},
		{Count{512, 460}, Count{512, 440}, false},
		{Count{512, 460}, Count{512, 430}, true},
		{Count{64, 64}, Count{64, 63}, false},
		{Count{64, 0}, Count{64, 0}, false},
		{Count{64, 0}, Count{64, 64}, false},
		{Count{1, 1}, Count{1, 0}, false},
		{Count{6, 1}, Count{6, 0}, false},
		{Count{6, 5}, Count{6, 0}, true},
		{Count{}, Count{64, 0}, false},
		{Count{64, 64}, Count{}, false},
	} {
		if got := tt.after.Below(tt.before); got != tt.below {
			t.Errorf("%d of %d after %d of %d: below is %v", tt.after.Right, tt.after.N, tt.before.Right,
				tt.before.N, got)
		}
	}
}
