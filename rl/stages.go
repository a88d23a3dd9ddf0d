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
		prefix, ask := r.Prompts.Questioner(t, nil, nil, role.Letters[:1])
		_, answer := r.Prompts.Responder(t, nil, role.Question{})
		for _, suffix := range []string{ask, answer} {
			n, err := r.tokens(prefix, suffix)
			if err != nil {
				return nil, err
			}
			instruction = max(instruction, n)
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
	round, index int
	view         curriculum.View
	letter       string // the option that must be right
	asked        sample
	verdict      role.Verdict
	question     role.Question
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
		letter := rng.At(r.Config.Seed, rng.Letter, uint64(r.step), uint64(round), uint64(i)).Intn(len(role.Letters))
		items = append(items, &item{Item: it, round: round, index: len(b.items) + i, view: view, letter: role.Letters[letter : letter+1]})
	}
	return items
}

// The stages number the keys of a step's requests.
const (
	stageAsk = iota
	stageGround
	stageRespond
	stageVerify
)

// A prompt is one request to the policy and what is done with its outputs.
type prompt struct {
	prefix, suffix string
	n, maxTokens   int
	done           func(rollout.Result)
}

// generate samples the outputs of all prompts of a stage.
func (r *Run) generate(ctx context.Context, phase string, stage, round int, prompts []prompt) error {
	reqs := make([]rollout.Request, len(prompts))
	for i, p := range prompts {
		ids, err := r.Chat.User(p.prefix, p.suffix)
		if err != nil {
			return err
		}
		var f forest.Forest
		at := f.Chain(-1, ids...)
		reqs[i] = rollout.Request{Prompt: f, Key: uint64(r.step)<<40 | uint64(stage)<<36 | uint64(round)<<28 | uint64(i),
			Leaves: []rollout.Leaf{{Segment: at, N: p.n, MaxTokens: p.maxTokens, Sampling: rollout.Sampling{
				Temperature: float32(r.Config.Temperature), TopP: float32(r.Config.TopP), TopK: r.Config.TopK}}}}
	}
	r.phase = phase
	results, err := r.engine.Generate(ctx, reqs)
	if err != nil {
		return fmt.Errorf("%s: %w", phase, err)
	}
	for i, res := range results {
		prompts[i].done(res)
	}
	return nil
}

func (r *Run) progress(done, total, tokens int) {
	if r.OnPhase != nil {
		r.OnPhase(r.phase, done, total, tokens)
	}
}

// take reads answer k of a result.
func (r *Run) take(res rollout.Result, k int) sample {
	a := res.Answers[k]
	return sample{forest: res.Forest, segment: a.Segment, logp: a.LogProbs, finish: a.Finish,
		text: r.Chat.Tok.DecodeSkipSpecial(res.Forest[a.Segment].Tokens)}
}

// ask has the questioner write a question over the documents of each view, and reads it. Where
// the remembered questions do not fit beside the documents, the oldest are not shown.
func (r *Run) ask(ctx context.Context, items []*item) error {
	var prompts []prompt
	for _, it := range items {
		docs := make([]string, len(it.view.Docs))
		for i, d := range it.view.Docs {
			docs[i] = r.clusters[it.Cluster].docs[d]
		}
		shown := it.view.Examples
		prefix, suffix := r.Prompts.Questioner(it.Task, docs, shown, it.letter)
		for len(shown) > 0 && !r.holds(prefix, suffix, r.Config.MaxQuestion) {
			shown = shown[1:]
			prefix, suffix = r.Prompts.Questioner(it.Task, docs, shown, it.letter)
		}
		prompts = append(prompts, prompt{prefix, suffix, 1, r.Config.MaxQuestion, func(res rollout.Result) {
			it.asked = r.take(res, 0)
			it.question, it.verdict = r.Prompts.ParseQuestion(it.Task, it.asked.text, func(s string) int { return len(r.Chat.Tok.Encode(s)) })
			if it.verdict == role.BadFormat {
				it.outcome = reward.BadFormat
			}
		}})
	}
	return r.generate(ctx, "asking", stageAsk, items[0].round, prompts)
}

// alive says whether a question is still to be worked on.
func (it *item) alive() bool {
	return it.verdict == role.OK && it.outcome == reward.Answered && !it.tooLong
}

// ground discards questions that are answered right without any document.
func (r *Run) ground(ctx context.Context, items []*item) error {
	var prompts []prompt
	for _, it := range items {
		if !it.alive() {
			continue
		}
		prefix, suffix := r.Prompts.Responder(it.Task, nil, it.question)
		if !r.holds(prefix, suffix, r.Config.MaxAnswer) {
			it.tooLong = true
			continue
		}
		prompts = append(prompts, prompt{prefix, suffix, 1, r.Config.MaxAnswer, func(res rollout.Result) {
			s := r.take(res, 0)
			it.grounding = &s
			if p, ok := r.Prompts.ExtractAnswer(it.Task, s.text); ok && r.Config.Reward.Rule(it.Task, p, it.question.Answer) {
				it.outcome = reward.Ungrounded
			}
		}})
	}
	return r.generate(ctx, "grounding", stageGround, items[0].round, prompts)
}

// tokens is the length of a prompt.
func (r *Run) tokens(prefix, suffix string) (int, error) {
	ids, err := r.Chat.User(prefix, suffix)
	if err != nil {
		return 0, err
	}
	return len(ids[0]) + len(ids[1]), nil
}

// holds says whether a prompt and an output of n tokens fit limit and context.
func (r *Run) holds(prefix, suffix string, n int) bool {
	size, err := r.tokens(prefix, suffix)
	return err == nil && size <= r.Config.MaxPrompt && size+n <= r.Weights.Context
}

// respond samples G answers to each question over all documents of its cluster.
func (r *Run) respond(ctx context.Context, items []*item) error {
	var prompts []prompt
	for _, it := range items {
		if !it.alive() {
			continue
		}
		prefix, suffix := r.Prompts.Responder(it.Task, r.clusters[it.Cluster].docs, it.question)
		if !r.holds(prefix, suffix, r.Config.MaxAnswer) {
			it.tooLong = true
			continue
		}
		prompts = append(prompts, prompt{prefix, suffix, r.Config.Answers, r.Config.MaxAnswer, func(res rollout.Result) {
			it.prompt = res.Forest
			for k := range res.Answers {
				a := &answer{sample: r.take(res, k)}
				a.prediction, a.extracted = r.Prompts.ExtractAnswer(it.Task, a.text)
				a.rule = a.extracted && r.Config.Reward.Rule(it.Task, a.prediction, it.question.Answer)
				it.answers = append(it.answers, a)
			}
		}})
	}
	return r.generate(ctx, "answering", stageRespond, items[0].round, prompts)
}

// verify has the verifier vote on every answer that could be extracted.
func (r *Run) verify(ctx context.Context, items []*item) error {
	if r.Config.Votes == 0 {
		return nil
	}
	var prompts []prompt
	for _, it := range items {
		for _, a := range it.answers {
			if !a.extracted {
				continue
			}
			text := r.Prompts.Verifier(it.question, a.prediction, it.question.Answer)
			if !r.holds("", text, r.Config.MaxVote) {
				continue
			}
			prompts = append(prompts, prompt{"", text, r.Config.Votes, r.Config.MaxVote, func(res rollout.Result) {
				a.ballot = res.Forest
				for k := range res.Answers {
					v := &vote{sample: r.take(res, k)}
					v.vote = r.Prompts.ParseVote(v.text)
					a.votes = append(a.votes, v)
				}
			}})
		}
	}
	return r.generate(ctx, "voting", stageVerify, items[0].round, prompts)
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
