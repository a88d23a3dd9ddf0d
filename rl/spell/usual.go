package spell

import (
	"fmt"
	"math"
	"strings"

	"spell/rl/corpus"
	"spell/rl/plural"
	"spell/rl/role"
	"spell/rl/task"
)

// Texts are the documents, as far as a plan asks for them.
type Texts struct {
	Own       bool // the user's: questions of the generated world are not asked
	Bytes     int64
	Clusters  int
	Small     int     // clusters with too few documents, which a run leaves out but for those it can cut
	Least     int     // documents that such have fewer of
	Documents int     // of another cluster, in the mean
	Cluster   float64 // bytes of a cluster, in the mean
	Shown     float64 // documents of a cluster that a first questioner sees, in the mean; 0: as the settings say
	PerToken  float64 // bytes of a token, about
}

// bytesPerToken is what tokenizers of large vocabularies make of English text, about.
const bytesPerToken = 4

// textsOf measures documents that a run of c asks about. Words tells that the model's tokens are words, as those of the
// embedded base for the generated world are there.
func (c *Config) textsOf(docs *corpus.Corpus, words bool) *Texts {
	t := &Texts{PerToken: bytesPerToken, Least: c.leastDocs(nil)}
	spaces := 0
	var all, read struct{ clusters, documents, bytes int } // read without the small clusters
	shown := 0.0
	for _, k := range docs.Clusters {
		bytes := 0
		for _, d := range k.Docs {
			bytes += len(d.Text)
			if words {
				spaces += 1 + strings.Count(d.Text, " ")
			}
		}
		all.clusters, all.documents, all.bytes = all.clusters+1, all.documents+len(k.Docs), all.bytes+bytes
		if len(k.Docs) < c.leastDocs(c.sourceOf(k)) {
			t.Small++
			continue
		}
		read.clusters, read.documents, read.bytes = read.clusters+1, read.documents+len(k.Docs), read.bytes+bytes
		shown += c.shown(c.sourceOf(k), len(k.Docs))
	}
	t.Shown = shown / float64(max(1, read.clusters))
	if read.clusters == 0 {
		read = all
	}
	n := max(1, read.clusters)
	t.Bytes = int64(all.bytes)
	t.Clusters, t.Documents, t.Cluster = all.clusters, max(1, read.documents/n), float64(read.bytes)/float64(n)
	if spaces > 0 {
		t.PerToken = float64(t.Bytes) / float64(spaces)
	}
	return t
}

// shown returns how many documents the questioner of a first question sees of a cluster of so many, of a source or, if
// that is nil, of none: the mean of those that m is drawn from.
func (c *Config) shown(of *Source, documents int) (mean float64) {
	among := c.DocsAmong
	if len(among) == 0 {
		among = []int{c.Docs}
	}
	if of != nil && of.Docs > 0 {
		among = []int{of.Docs}
	}
	for _, m := range among {
		mean += float64(min(m, documents)) / float64(len(among))
	}
	return mean
}

// own reports whether the documents are known to be the user's.
func (t *Texts) own() bool { return t != nil && t.Own }

// note says which clusters are left out, of so many; "" if none is.
func (t *Texts) note(clusters int) string {
	if t.Small == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s have fewer than %d documents and are left out, unless they can be cut: least_docs "+
		"says how many it takes", t.Small, plural.Of(clusters, "cluster"), t.Least)
}

func (t *Texts) bytes() int64 {
	if t == nil {
		return 0
	}
	return t.Bytes
}

// A Step is what a step asks and samples, as it usually comes: counts of the step, and mean tokens.
// Outputs are taken to be a third as long as they may be.
type Step struct {
	Rounds, Asked                  int // draws, and questions asked in all of them
	Written                        int // of these, by the questioner: none if they are fixed before
	Ahead                          int // questions that it writes before the first step
	Measured                       int // questions about documents that are kept out, in all measurements
	Ask, Ground, Respond, Verify   int // tokens of prompts
	AskDocs, Docs                  int // tokens of documents in the prompts of questioner and responder
	Question, Answer, Vote         int // tokens of outputs
	Answers, Votes                 int // of a question, and of an answer
	Blind                          int // answers to a question without documents
	Good, Questions, VerifierGroup int // groups of answers, questions and groups of votes that train
}

// informative is the share of questions that some answers get right and some wrong: that at which the
// paper's 480 make its 128.
const informative = 128.0 / 480

// mean returns how long outputs of at most n tokens are, about.
func mean(n int) int { return min(n, n/3+1) }

// usual returns the usual step with prompts of at most so many tokens.
func (c *Config) usual(prompt int, texts *Texts) (s Step, err error) {
	rounds := int(math.Ceil(float64(c.Questions) / informative / float64(c.Draw)))
	s = Step{Rounds: min(rounds, c.MaxRounds), Answers: c.Answers, Votes: c.Votes, Blind: c.Grounding.most(),
		Question: mean(c.MaxQuestion), Answer: mean(c.MaxAnswer), Vote: mean(c.MaxVote)}
	s.Asked = s.Rounds * c.Draw
	s.Written = s.Asked
	if c.Static != "none" {
		s.Written = 0
	}
	if c.Static == "base" {
		s.Ahead = c.StaticAsked
		if s.Ahead == 0 && texts != nil {
			s.Ahead = texts.Clusters
		}
	}
	if texts.own() && !c.ByRule && c.keepsOut() && int(c.HeldOutShare*float64(texts.Clusters)) > 0 {
		s.Ahead += c.HeldOut
		times := 2
		if c.HeldOutEvery > 0 {
			times += max(0, c.Steps-1) / c.HeldOutEvery
		}
		s.Measured = times * (c.HeldOut/2 + 1)
	}
	s.Good = min(c.Questions, s.Asked)
	s.Questions = min(s.Asked, s.Good+max(int(c.BadRatio*float64(s.Good)), c.BadLeast))
	s.VerifierGroup = min(c.VerifierGroups, s.Asked*c.Answers)
	if c.Votes == 0 || !c.trains(role.Verifier) {
		s.VerifierGroup = 0
	}
	if !c.trains(role.Questioner) {
		s.Questions = 0
	}
	if !c.trains(role.Responder) {
		s.Good = 0
	}
	return s, c.prompts(&s, prompt, texts)
}

// prompts finds how long prompts are: instructions as they are written, documents in clusters that are
// divided evenly to fit.
func (c *Config) prompts(s *Step, prompt int, texts *Texts) error {
	p, err := role.Load(c.Prompts)
	if err != nil {
		return err
	}
	per := float64(bytesPerToken)
	if texts != nil {
		per = texts.PerToken
	}
	tokens := func(parts ...string) (n int) {
		for _, text := range parts {
			n += int(math.Ceil(float64(len(text)) / per))
		}
		return n
	}
	of := func(prefix, suffix string) int { return tokens(prefix, suffix) }
	t := c.Tasks[0] // Validate has seen that there is one
	ask := of(p.Questioner(t, nil, nil, role.Drawn{Letter: task.Letters[:1]}))
	answer := of(p.Responder(t, nil, task.Question{})) + s.Question/2
	room := max(1, prompt-max(ask, answer)-c.questionRoom())
	docs, of1 := room, c.MaxDocs
	shown := c.shown(nil, of1)
	if texts != nil {
		whole := max(1, int(texts.Cluster/per)+texts.Documents)
		parts := (whole + room - 1) / room
		docs, of1 = whole/parts, max(1, texts.Documents/parts)
		if shown = texts.Shown; shown == 0 {
			shown = c.shown(nil, of1)
		}
	}
	s.Docs, s.AskDocs = docs, int(float64(docs)*min(shown, float64(of1))/float64(of1))
	s.Ask = min(prompt, ask+s.AskDocs)
	s.Ground = min(prompt, answer)
	s.Respond = min(prompt, answer+docs)
	s.Verify = min(prompt, tokens(p.Verifier(task.Question{}, "", ""))+s.Question/2+s.Answer)
	return nil
}

// sampled returns the tokens of all outputs of a step, and their number.
func (s *Step) sampled() (tokens, outputs int) {
	answers := s.Asked * s.Answers
	tokens = s.Written*(s.Question+s.Blind*s.Answer) + answers*(s.Answer+s.Votes*s.Vote)
	return tokens, (1+s.Blind)*s.Written + answers*(1+s.Votes)
}

// read returns the tokens of all prompts of a step, and their number.
func (s *Step) read() (tokens, prompts int) {
	ballots := 0
	if s.Votes > 0 {
		ballots = s.Asked * s.Answers
	}
	return s.Written*(s.Ask+s.Ground) + s.Asked*s.Respond + ballots*s.Verify, 2*s.Written + s.Asked + ballots
}

// logs estimates the bytes of the transcript of a run whose steps are usual. Prompts refer to documents, which stand in
// it once for each cluster, and votes on answers that are alike have their prompt once.
func (c *Config) logs(s *Step, texts *Texts) int64 {
	const perPrompt, perOutput = 170, 115 // of names, numbers and brackets
	const escaped = 1.05                  // bytes for a byte of text
	const voted, unlike = 0.85, 0.3       // shares of answers that are voted on, and of these that are unlike others
	per := float64(bytesPerToken)
	if texts != nil {
		per = texts.PerToken
	}
	tokens, outputs := s.sampled()
	read, prompts := s.read()
	answers := 0
	if s.Votes > 0 {
		answers = s.Asked * s.Answers
	}
	shown := s.Written*s.AskDocs + s.Asked*s.Docs
	text := float64(tokens+max(0, read-shown)) - (1-unlike)*float64(answers*s.Verify)
	none := (1 - voted) * float64(answers)
	step := text*per*escaped + (float64(prompts)-none)*perPrompt +
		(float64(outputs)-none*float64(s.Votes))*perOutput
	documents := float64(c.Steps*s.Asked) * float64(s.Docs) * per
	if texts != nil {
		documents = min(documents, float64(texts.Bytes))
	}
	if c.DrawByRate { // the last round of a step draws no more than it takes
		step *= min(1, float64(c.Questions)/informative/float64(s.Asked))
	}
	return int64(float64(c.Steps)*step + documents*escaped)
}

// heap estimates the memory that a step's samples take until it ends: ids, log-probabilities and text,
// twice for the collector.
func (s *Step) heap() int {
	tokens, outputs := s.sampled()
	read, prompts := s.read()
	return 2 * (tokens*16 + read*8 + (prompts+outputs)*256)
}
