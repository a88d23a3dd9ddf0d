package rl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"unicode"

	"spell/model/forest"
	"spell/model/rollout"
	"spell/rl/corpus"
	"spell/rl/curriculum"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// cluster is the documents that one question may draw on, cut to what a prompt holds.
type cluster struct {
	name string
	docs []string
	near []float64 // [i*len(docs)+j]: how near documents i and j are; nil where they are drawn at random
}

// nearness weighs the rare words that each two documents share: words with a letter that at most
// a fifth of the documents have, by log(documents/documents that have it).
func nearness(docs []string) []float64 {
	n := len(docs)
	having := map[string][]int{}
	var words []string // in the order of their first occurrence
	for i, d := range docs {
		for w := range strings.FieldsFuncSeq(strings.ToLower(d), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			at := having[w]
			if at == nil && strings.ContainsFunc(w, unicode.IsLetter) {
				words = append(words, w)
			}
			if len(at) == 0 || at[len(at)-1] != i {
				having[w] = append(at, i)
			}
		}
	}
	near := make([]float64, n*n)
	for _, w := range words {
		at := having[w]
		if len(at) > max(2, n/5) {
			continue
		}
		weight := math.Log(float64(n) / float64(len(at)))
		for _, i := range at {
			for _, j := range at {
				if i != j {
					near[i*n+j] += weight
				}
			}
		}
	}
	return near
}

// fit keeps of each cluster the documents that fit the responder's prompt beside a question, the
// first ones first, and leaves out clusters that keep fewer than two. It counts what it left out.
func (r *Run) fit(docs *corpus.Corpus) ([]cluster, error) {
	instruction := 0
	for _, t := range r.Config.Tasks {
		prefix, ask := r.Prompts.Questioner(t, nil, nil, task.Letters[:1])
		_, answer := r.Prompts.Responder(t, nil, task.Question{})
		for _, suffix := range []string{ask, answer} {
			prompt, _, err := r.encode(prefix, suffix, 0)
			if err != nil {
				return nil, err
			}
			instruction = max(instruction, len(prompt[0])+len(prompt[1]))
		}
	}
	limit := min(r.Config.MaxPrompt, r.Weights.Context-max(r.Config.MaxQuestion, r.Config.MaxAnswer)) - instruction - r.Config.MaxQuestion
	var out []cluster
	for _, c := range docs.Clusters {
		k, size := cluster{name: c.Name}, 0
		texts := make([]string, len(c.Docs))
		for i, d := range c.Docs {
			texts[i] = d.Text
		}
		for i, ids := range r.Chat.Tok.EncodeAll(texts) {
			d, n := c.Docs[i], len(ids)+1
			if size+n > limit || len(k.docs) == r.Config.MaxDocs {
				continue
			}
			size += n
			k.docs = append(k.docs, d.Text)
		}
		r.unread += len(c.Docs)
		if r.Config.NearDocs {
			k.near = nearness(k.docs)
		}
		if len(k.docs) >= 2 {
			out = append(out, k)
			r.unread -= len(k.docs)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no cluster has two documents that fit in the %d tokens that max_prompt %d and the model's context of %d leave them beside instruction, question and answer; lower doc_chars, max_question or max_answer, or raise max_prompt",
			max(limit, 0), r.Config.MaxPrompt, r.Weights.Context)
	}
	return out, nil
}

// An item is one question on its way through the stages.
type item struct {
	curriculum.Item
	round, place int // in the step, in the round
	index        int // in the step
	view         curriculum.View
	letter       string // the option that must be right
	asked        sample
	verdict      task.Verdict
	question     task.Question
	grounding    *sample // the answer without documents
	outcome      reward.Outcome
	tooLong      bool
	answers      []*answer
	prompt       forest.Forest // of the responder, answers included
	passes       int           // answers rewarded
}

// A sample is one output of the policy and how it was judged.
type sample struct {
	forest    forest.Forest // prompt and output
	segment   int           // of the output
	text      string
	logp      []float32
	finish    rollout.Finish
	reward    float64
	advantage float64
	trained   bool
}

// An answer is a responder's sample and the votes on it.
type answer struct {
	sample
	prediction string
	extracted  bool
	rule       bool
	votes      []*vote
	ballot     forest.Forest // the verifier's prompt and votes
	tally      reward.Tally
	fate       curriculum.VoteFate
}

// A vote is a verifier's sample.
type vote struct {
	sample
	vote role.Vote
}

// A batch is the items of a step.
type batch struct{ items []*item }

// good counts the questions some answers got right and some wrong.
func (b *batch) good() int {
	n := 0
	for _, it := range b.items {
		if curriculum.Informative(it.passes, len(it.answers)) {
			n++
		}
	}
	return n
}

// draw picks clusters and tasks, and the documents and history each questioner sees.
func (r *Run) draw(b *batch, round int) []*item {
	var items []*item
	for i, it := range r.sampler.Draw(r.Config.Draw) {
		random := rng.At(r.Config.Seed, rng.Documents, uint64(r.step), uint64(round), uint64(i))
		c := &r.clusters[it.Cluster]
		var near func(a, b int) float64
		if c.near != nil {
			near = func(a, b int) float64 { return c.near[a*len(c.docs)+b] }
		}
		view := r.memory.Draw(it.Task, it.Cluster, len(c.docs), r.Config.Docs, near, random)
		letter := rng.At(r.Config.Seed, rng.Letter, uint64(r.step), uint64(round), uint64(i)).Intn(len(task.Letters))
		items = append(items, &item{Item: it, round: round, place: i, index: len(b.items) + i, view: view, letter: task.Letters[letter : letter+1]})
	}
	return items
}

// A stage is what the policy is asked for; it numbers the keys of a step's requests.
type stage int

const (
	stageAsk stage = iota
	stageGround
	stageRespond
	stageVerify
	numStages
)

func (s stage) String() string {
	return [...]string{"asking", "grounding", "answering", "voting"}[s]
}

// play takes every question through the stages: it is asked, tried without documents, answered and voted on. All
// run in one engine at one version of the weights, and a question goes on as soon as the outputs it waits for are there.
func (r *Run) play(ctx context.Context, items []*item) error {
	r.open = [numStages]int{}
	return r.engine.Serve(ctx, func() error {
		for _, it := range items {
			if err := r.ask(it); err != nil {
				return err
			}
		}
		return nil
	})
}

// encode is a prompt's tokens, and whether limit and context hold them and an output of n more.
func (r *Run) encode(prefix, suffix string, n int) (prompt [][]int32, fits bool, err error) {
	if prompt, err = r.Chat.User(prefix, suffix); err != nil {
		return nil, false, err
	}
	size := 0
	for _, ids := range prompt {
		size += len(ids)
	}
	return prompt, size <= r.Config.MaxPrompt && size+n <= r.Weights.Context, nil
}

// maxNumber is how many requests of a round's stage have keys of their own.
const maxNumber = 1 << 28

// An order is n outputs of at most max tokens each. number tells the requests of a round's stage apart.
type order struct {
	stage   stage
	number  int
	n, max  int
	enough  func(text string) bool // says after some that no others are needed; nil: all are
	receive func(rollout.Result) error
}

// submit asks the policy for outputs to a prompt.
func (r *Run) submit(it *item, prompt [][]int32, o order) error {
	c := &r.Config
	var f forest.Forest
	at := f.Chain(-1, prompt...)
	req := rollout.Request{Prompt: f, Key: uint64(r.step)<<40 | uint64(o.stage)<<36 | uint64(it.round)*maxNumber | uint64(o.number),
		Branches: []rollout.Branch{{Segment: at, N: o.n, MaxTokens: o.max, Sampling: rollout.Sampling{
			Temperature: float32(c.Temperature), TopP: float32(c.TopP), TopK: c.TopK}}}}
	if o.enough != nil {
		req.StopEarly = func(ids []int32) bool { return o.enough(r.Chat.Tok.DecodeSkipSpecial(ids)) }
	}
	r.open[o.stage]++
	err := r.engine.Submit(req, func(res rollout.Result) error {
		r.open[o.stage]--
		return o.receive(res)
	})
	if err != nil {
		return fmt.Errorf("%v: %w", o.stage, err)
	}
	return nil
}

// progress names the earliest stage that is at work.
func (r *Run) progress(done, total, tokens int) {
	if r.OnPhase == nil {
		return
	}
	for s, n := range r.open {
		if n > 0 {
			r.OnPhase(stage(s).String(), done, total, tokens)
			return
		}
	}
}

// take reads answer k of a result.
func (r *Run) take(res rollout.Result, k int) sample {
	a := res.Answers[k]
	return sample{forest: res.Forest, segment: a.Segment, logp: a.LogProbs, finish: a.Finish,
		text: r.Chat.Tok.DecodeSkipSpecial(res.Forest[a.Segment].Tokens)}
}

// ask has the questioner write a question over the documents of the view, and reads it. Where the remembered
// questions do not fit beside the documents, the oldest are not shown.
func (r *Run) ask(it *item) error {
	docs := make([]string, len(it.view.Docs))
	for i, d := range it.view.Docs {
		docs[i] = r.clusters[it.Cluster].docs[d]
	}
	var prompt [][]int32
	for shown := it.view.Examples; ; shown = shown[1:] {
		prefix, suffix := r.Prompts.Questioner(it.Task, docs, shown, it.letter)
		ids, fits, err := r.encode(prefix, suffix, r.Config.MaxQuestion)
		if err != nil {
			return err
		}
		if prompt = ids; fits || len(shown) == 0 {
			break
		}
	}
	return r.submit(it, prompt, order{stage: stageAsk, number: it.place, n: 1, max: r.Config.MaxQuestion, receive: func(res rollout.Result) error {
		it.asked = r.take(res, 0)
		it.question, it.verdict = r.Prompts.ParseQuestion(it.Task, it.asked.text, func(s string) int { return len(r.Chat.Tok.Encode(s)) })
		switch it.verdict {
		case task.OK:
			return r.ground(it)
		case task.BadFormat:
			it.outcome = reward.BadFormat
		}
		return nil
	}})
}

// alive says whether a question is still to be worked on.
func (it *item) alive() bool {
	return it.verdict == task.OK && it.outcome == reward.Answered && !it.tooLong
}

// ground discards a question that is answered right without any document.
func (r *Run) ground(it *item) error {
	prefix, suffix := r.Prompts.Responder(it.Task, nil, it.question)
	prompt, fits, err := r.encode(prefix, suffix, r.Config.MaxAnswer)
	if !fits {
		it.tooLong = true
		return err
	}
	return r.submit(it, prompt, order{stage: stageGround, number: it.place, n: 1, max: r.Config.MaxAnswer, receive: func(res rollout.Result) error {
		s := r.take(res, 0)
		it.grounding = &s
		if p, ok := r.Prompts.ExtractAnswer(it.Task, s.text); ok && r.Config.Reward.Rule(it.Task, p, it.question.Answer) {
			it.outcome = reward.Ungrounded
			return nil
		}
		return r.respond(it)
	}})
}

// respond samples G answers to a question over all documents of its cluster.
func (r *Run) respond(it *item) error {
	prefix, suffix := r.Prompts.Responder(it.Task, r.clusters[it.Cluster].docs, it.question)
	prompt, fits, err := r.encode(prefix, suffix, r.Config.MaxAnswer)
	if !fits {
		it.tooLong = true
		return err
	}
	return r.submit(it, prompt, order{stage: stageRespond, number: it.place, n: r.Config.Answers, max: r.Config.MaxAnswer, receive: func(res rollout.Result) error {
		it.prompt = res.Forest
		for k := range res.Answers {
			a := &answer{sample: r.take(res, k)}
			a.prediction, a.extracted = r.Prompts.ExtractAnswer(it.Task, a.text)
			a.rule = a.extracted && r.Config.Reward.Rule(it.Task, a.prediction, it.question.Answer)
			it.answers = append(it.answers, a)
			if err := r.verify(it, a, it.place*r.Config.Answers+k); err != nil {
				return err
			}
		}
		return nil
	}})
}

// verify has the verifier vote on an answer that could be extracted.
func (r *Run) verify(it *item, a *answer, number int) error {
	c := &r.Config
	if !a.extracted || c.Votes == 0 {
		return nil
	}
	prompt, fits, err := r.encode("", r.Prompts.Verifier(it.question, a.prediction, it.question.Answer), c.MaxVote)
	if !fits {
		return err
	}
	o := order{stage: stageVerify, number: number, n: c.Votes, max: c.MaxVote, receive: func(res rollout.Result) error {
		a.ballot = res.Forest
		for k := range res.Answers {
			v := &vote{sample: r.take(res, k)}
			v.vote = r.Prompts.ParseVote(v.text)
			a.votes = append(a.votes, v)
		}
		return nil
	}}
	if c.EarlyVotes {
		var cast reward.Tally
		o.enough = func(text string) bool {
			cast.Add(r.Prompts.ParseVote(text))
			_, settled := cast.Settled(c.Votes)
			return settled
		}
	}
	return r.submit(it, prompt, o)
}

// Documents is the number of clusters and documents that prompts are made of, and of the documents
// that were left out because they do not fit.
func (r *Run) Documents() (clusters, documents, unread int) {
	for _, c := range r.clusters {
		documents += len(c.docs)
	}
	return len(r.clusters), documents, r.unread
}

// fingerprint tells the documents of a run from any others.
func (r *Run) fingerprint() string {
	h := sha256.New()
	for _, c := range r.clusters {
		fmt.Fprintf(h, "%q %q\n", c.name, c.docs)
	}
	return hex.EncodeToString(h.Sum(nil))
}
