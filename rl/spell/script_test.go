package spell

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spell/kernels"
	"spell/model"
	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/corpus"
	"spell/rl/runner"
	"spell/rl/runner/runnertest"
	"spell/rl/task"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// A plan is what the scripted policy does with one question. The question's text carries it
// through all prompts, so that the policy needs no state: the same prompt under the same key
// always gets the same replies, whatever was asked before.
type plan struct {
	fate   string // bad, skip, long, known (without documents), foreign (names what no document does), or asked
	passes int    // answers that equal the reference
	yes    [2]int // YES votes on a wrong and on a right answer
	none   int    // votes that say neither, in place of NO votes
}

// text is the question as the compact prompts read it, for the task.
func (p plan) text(of task.Task, letter string) string {
	switch p.fate {
	case "bad":
		return " question : which"
	case "skip":
		if of == task.Numeric {
			return " question : how many ? answer : 0 ."
		}
		return " question : which ? answer :" + strings.Repeat(" red", 41) + " ."
	}
	gold, options := "red", ""
	switch of {
	case task.Numeric:
		gold = "17"
	case task.MultipleChoice:
		gold, options = letter, " ( A ) a ( B ) b ( C ) c ( D ) d"
	}
	q := fmt.Sprintf("plan %s %d %d %d %d %s", p.fate, p.passes, p.yes[0], p.yes[1], p.none, gold)
	if p.fate == "long" {
		q += strings.Repeat(" long", 900)
	}
	if p.fate == "foreign" {
		q += " of Oslo"
	}
	if options != "" {
		gold = "( " + gold + " )"
	}
	return " question : " + q + " ?" + options + " answer : " + gold + " ."
}

// readPlan finds the plan and the reference of the last question in a prompt.
func readPlan(prompt string) (p plan, gold string) {
	w := strings.Fields(prompt[strings.LastIndex(prompt, "plan "):])
	n := func(i int) int {
		v, err := strconv.Atoi(w[i])
		if err != nil {
			panic(err)
		}
		return v
	}
	return plan{w[1], n(2), [2]int{n(3), n(4)}, n(5)}, w[6]
}

// wrong is an answer that is not gold.
func wrong(gold string) string {
	switch {
	case gold == "17":
		return "5"
	case len(gold) == 1:
		return string(task.Letters[(strings.Index(task.Letters, gold)+1)%4])
	}
	return "blue"
}

// A script is a policy whose words are laid down and whose log-probabilities are those the real
// decoder gives them.
type script struct {
	on    runner.Model
	d     *model.Decoder
	plans func(step, round, i int) plan
	stop  func(at stage)                              // called before each stage, to cancel
	fail  func(at stage) error                        // called before each reply, if set
	says  func(at stage, prompt string, k int) string // what it says instead, if set
	queue []asked
	seen  []string // what the questioner was asked, all prompts
}

// A run is a loop that plays SPELL, with what tests look into.
type run struct {
	*rl.Loop
	game   *Game
	script *script // nil while the real engine samples
}

// begin makes a run on a model.
func begin(ctx context.Context, c Config, on runner.Model, docs *corpus.Corpus, judge Judge) (*run, error) {
	l, err := New(ctx, c, on, docs, judge)
	if err != nil {
		return nil, err
	}
	return &run{Loop: l, game: l.Game.(*Game)}, nil
}

// follow puts a script in the place of a run's engine.
func (r *run) follow(plans func(step, round, i int) plan) (*script, error) {
	d, err := model.NewScorer(r.Model.Backend, r.Model.Weights, forest.Limits{Shared: 4096, Batch: 4096})
	if err != nil {
		return nil, err
	}
	r.script = &script{on: r.Model, d: d, plans: plans}
	r.SetEngine(r.script)
	return r.script, nil
}

// Free unmaps what the run computes with.
func (r *run) Free() {
	if r.script != nil {
		r.script.d.Free()
	}
	r.Loop.Free()
}

// take makes a step.
func (r *run) take(ctx context.Context) (*Report, []Record, error) {
	rep, err := r.Step(ctx, nil)
	if rep == nil {
		return nil, nil, err
	}
	var records []Record
	docs, ballots := map[string][]string{}, map[string]string{}
	for _, c := range r.game.clusters { // some may have been written down by an earlier step
		docs[c.name] = c.docs
	}
	for _, line := range rep.Transcript {
		rec, ok := line.(Record)
		if !ok {
			d := line.(Documents)
			if !slices.Equal(d.Documents, docs[d.Cluster]) || d.Step != rep.Metrics.(*Report).Step {
				return nil, nil, fmt.Errorf("the documents of a cluster are %v", d)
			}
			continue
		}
		if rec.Pieces != nil {
			rec.Prompt, rec.Pieces = rec.Pieces.Join(docs[rec.Cluster]), nil
		}
		if at := fmt.Sprint(rec.Question, " ", rec.Prediction); rec.Stage == "verify" && rec.Prompt == "" {
			rec.Prompt = ballots[at]
		} else if rec.Stage == "verify" {
			ballots[at] = rec.Prompt
		}
		records = append(records, rec)
	}
	return rep.Metrics.(*Report), records, err
}

// asked is a request with what takes its result.
type asked struct {
	rollout.Request
	done func(rollout.Result) error
}

// stageOf returns the stage of a request, in a step or in an interlude.
func stageOf(key uint64) stage { return stage(key >> 36 & (1<<asideBit - 1)) }

func (s *script) Submit(r rollout.Request, done func(rollout.Result) error) error {
	s.queue = append(s.queue, asked{r, done})
	return nil
}

func (s *script) Serve(ctx context.Context, begin func() error) error {
	s.queue = nil
	if err := begin(); err != nil {
		return err
	}
	for at := stage(-1); len(s.queue) > 0; {
		q := s.queue[0]
		s.queue = s.queue[1:]
		if now := stageOf(q.Key); now > at {
			if at = now; s.stop != nil {
				s.stop(at)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.fail != nil {
			if err := s.fail(at); err != nil {
				return err
			}
		}
		res, err := s.answer(q.Request)
		if err != nil {
			return err
		}
		if err := q.done(res); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// answer is the result of a request; answers that the request has enough without are not in it.
func (s *script) answer(q rollout.Request) (rollout.Result, error) {
	text := ""
	for _, seg := range q.Prompt {
		text += s.on.Text.Tok.Decode(seg.Tokens)
	}
	leaf := q.Branches[0]
	res := rollout.Result{Forest: slices.Clone(q.Prompt)}
	for k := range leaf.N {
		ids := append(s.on.Text.Tok.Encode(s.reply(stageOf(q.Key), q.Key, text, k)), s.on.Weights.EOS[0])
		if s.says != nil { // as the engine cuts them
			ids = ids[:min(len(ids), leaf.MaxTokens)]
		}
		at := res.Forest.Add(leaf.Segment, ids, true)
		res.Forest[at].Temperature = leaf.Temperature
		res.Answers = append(res.Answers, rollout.Answer{Segment: at, Finish: rollout.Stop})
		if q.StopEarly != nil && q.StopEarly(ids) {
			break
		}
	}
	stats, err := s.d.Score(context.Background(), res.Forest)
	if err != nil {
		return res, err
	}
	for i := range res.Answers {
		a := &res.Answers[i]
		for range res.Forest[a.Segment].Tokens {
			a.LogProbs = append(a.LogProbs, stats[0].LogProb)
			stats = stats[1:]
		}
	}
	return res, nil
}

// reply is what the policy says to a prompt, as child k of a group.
func (s *script) reply(now stage, key uint64, prompt string, k int) string {
	if s.says != nil {
		return s.says(now, prompt, k)
	}
	if now == stageAsk {
		s.seen = append(s.seen, prompt)
		of, letter := task.GeneralQA, ""
		switch {
		case strings.HasSuffix(prompt, "number :"):
			of = task.Numeric
		case strings.Contains(prompt, "ask choice "):
			of, letter = task.MultipleChoice, prompt[len(prompt)-len("C :"):len(prompt)-len(" :")]
		}
		step, round, i := int(key>>40), int(key>>28&255), int(key&(1<<28-1))
		said := s.plans(step, round, i).text(of, letter)
		return strings.Replace(said, " ?", fmt.Sprintf(" %d ?", (step*8+round)*64+i), 1) // no two are the same
	}
	p, gold := readPlan(prompt)
	answer := func(x string) string {
		if len(gold) == 1 {
			return " answer is ( " + x + " ) ."
		}
		return " answer is " + x + " ."
	}
	switch {
	case now == stageGround && p.fate == "known", now == stageRespond && k < p.passes:
		return answer(gold)
	case now == stageGround, now == stageRespond:
		return answer(wrong(gold))
	}
	about := 0
	if strings.Contains(prompt, "first : "+gold+"\n") {
		about = 1
	}
	switch yes := p.yes[about]; {
	case k < yes:
		return " yes ."
	case k < yes+p.none:
		return " perhaps ."
	}
	return " no ."
}

// words is a text that holds what documents and prompts of these tests say.
func words() string {
	var s strings.Builder
	for i := range 40 {
		fmt.Fprintf(&s, " document %d says that the colour of item %d is red and not blue .\n question : plan asked "+
			"%d 2 1 0 17 red ? answer : red . answer is red . answer is ( A ) .\nfirst : red\nsecond : 17\nsame : "+
			"yes . no . perhaps . ask text : ask number : ask choice : before : long long bad skip known how many "+
			"which\n", i, i, i%10)
	}
	return s.String()
}

func testTokenizer(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Train(slices.Values([]string{words()}), tokenizer.TrainOptions{VocabSize: 420,
		Special: []string{"<|end|>"}, Pattern: tokenizer.GPT2})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// documents makes n clusters of k short documents.
func documents(n, k int) *corpus.Corpus {
	c := &corpus.Corpus{}
	for i := range n {
		cl := corpus.Cluster{Name: fmt.Sprint("cluster-", i)}
		for d := range k {
			cl.Docs = append(cl.Docs, corpus.Document{Name: fmt.Sprint(i, "/", d),
				Text: fmt.Sprintf("document %d says that the colour of item %d is red .", d, i)})
		}
		c.Clusters = append(c.Clusters, cl)
	}
	return c
}

// small is a configuration of a few questions.
func small() Config {
	c := Small()
	c.Steps, c.Tasks, c.HeldOut = 6, []task.Task{task.GeneralQA}, 0
	c.HeldOutShare = 0
	c.Docs, c.MemoryLength = 5, 3
	c.Grounding.Names, c.Reward.Contradicted, c.DropContradicted = false, 0, false
	c.Answers, c.Votes, c.Questions, c.Draw, c.MaxRounds, c.VerifierGroups = 4, 4, 3, 8, 1, 4
	c.MaxPrompt, c.MaxDocs, c.MaxQuestion = 700, 20, 44
	c.PassTokens, c.BatchTokens, c.CacheTokens = 2048, 2048, 8192
	c.Optim.LR, c.Optim.WeightDecay = 1e-2, 0.01
	return c
}

// testShape is a tiny decoder for a vocabulary.
func testShape(vocab int) model.Config {
	return runnertest.Tiny(vocab, 1024, int32(vocab)-1)
}

// testModel is a random decoder for the vocabulary of a text side.
func testModel(t testing.TB, b kernels.Backend, p model.Precision, text *chat.Dialog) runner.Model {
	t.Helper()
	w, err := runnertest.Random(b, testShape(text.Tok.VocabSize()), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Free)
	return runner.Model{Backend: b, Weights: w, Text: text}
}

// newRun is a run of the scripted policy.
func newRun(t testing.TB, c Config, b kernels.Backend, p model.Precision, docs *corpus.Corpus,
	plans func(step, round, i int) plan) (*run, *script) {
	t.Helper()
	r, err := begin(context.Background(), c, testModel(t, b, p, &chat.Dialog{Tok: testTokenizer(t)}), docs, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Free)
	return r, followed(t, r, plans)
}

// followed puts a script in the place of a run's engine.
func followed(t testing.TB, r *run, plans func(step, round, i int) plan) *script {
	t.Helper()
	s, err := r.follow(plans)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// state is everything a step may change beside weights and optimizer.
func (r *run) state(t testing.TB) string { return runnertest.State(t, r) }

// numbers are those of a run's weights and optimizer.
func numbers(r *run) [][]float32 { return runnertest.Numbers(r.Model.Backend, r.Model.Weights) }
