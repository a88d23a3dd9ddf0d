package spell

import (
	"spell/model/rollout"
	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
)

// A Record is a line of transcript.jsonl: one prompt and everything the policy said to it. It
// holds no times, so that equal runs write equal files. The prompt is Prompt or, of one with documents
// of the cluster, Pieces. Of votes on an answer it is left out if votes on another answer to the question
// had the same: those of the same prediction. The questioner's record of a question that was fixed before
// the step has neither a prompt nor samples. What is asked ahead of the first step is of step 0 and earns nothing.
type Record struct {
	Step     int       `json:"step"`     // the step, from 1; 0 is ahead of the first
	Version  int       `json:"version"`  // updates the weights had seen
	Question int       `json:"question"` // number of the question within the step
	Role     role.Role `json:"role"`
	Stage    string    `json:"stage"` // ask, ground, respond, verify
	Task     task.Task `json:"task"`
	Cluster  string    `json:"cluster"`
	For      string    `json:"for,omitempty"`  // what a question ahead of the first step is asked for
	Kept     bool      `json:"kept,omitempty"` // such a one is of use for that
	Docs     []int     `json:"docs,omitempty"` // documents the questioner saw
	Prompt   string    `json:"prompt,omitempty"`
	Pieces   Pieces    `json:"pieces,omitempty"`
	Outcome  string    `json:"outcome,omitempty"` // of the question
	Text     string    `json:"text,omitempty"`    // the question as it was read
	Answer   string    `json:"answer,omitempty"`  // its reference answer
	// Prediction is what the votes of a verifier's record are about, Rule the rule's verdict on it.
	Prediction string   `json:"prediction,omitempty"`
	Rule       *bool    `json:"rule,omitempty"`
	Samples    []Output `json:"samples"`
}

// An Output is one sample.
type Output struct {
	Text       string         `json:"text"`
	Tokens     int            `json:"tokens"`
	LogProb    float64        `json:"logprob"` // sum over its tokens, as sampled
	Finish     rollout.Finish `json:"finish"`
	Prediction string         `json:"prediction,omitempty"`
	Rule       *bool          `json:"rule,omitempty"`
	Votes      *reward.Tally  `json:"votes,omitempty"`
	Vote       string         `json:"vote,omitempty"`
	Reward     *float64       `json:"reward,omitempty"`
	Advantage  float64        `json:"advantage,omitempty"`
	Trained    bool           `json:"trained"`
}

var voteNames = map[role.Vote]string{role.Yes: "yes", role.No: "no", role.Invalid: "invalid"}

// transcribe writes the samples of items down, question by question: lines of Documents and Record, all with the step,
// the version and the purpose of one. written are the clusters whose documents the transcript has, those of now after
// the lines.
func (g *Game) transcribe(items []*item, all Record, written bitset) (out []any, now bitset) {
	for _, it := range items {
		if it.asked.Forest == nil && !it.fixed { // it failed before anything was said
			continue
		}
		c := it.from
		if !written.has(it.Cluster) {
			written = written.with(it.Cluster)
			out = append(out, Documents{Step: all.Step, Stage: DocumentsStage, Cluster: c.name, Documents: c.docs})
		}
		record := func(which role.Role, stage string, s *rl.Sample, docs []int) Record {
			r := Record{Step: all.Step, Version: all.Version, For: all.For, Question: it.index, Role: which,
				Stage: stage, Task: it.Task, Cluster: c.name}
			r.Prompt = g.promptText(s)
			if pieces := Cut(r.Prompt, c.docs, docs); len(pieces) > 1 {
				r.Prompt, r.Pieces = "", pieces
			}
			return r
		}
		ask := record(role.Questioner, "ask", &it.asked, it.view.Docs)
		ask.Docs, ask.Outcome, ask.Kept = it.view.Docs, it.fate(), it.kept
		if it.verdict == task.OK {
			ask.Text, ask.Answer = g.Prompts.QuestionText(it.question), it.question.Answer
		}
		if !it.fixed {
			o := output(&it.asked)
			if it.judged() && !it.aside() {
				o.Reward = &it.asked.Reward
			}
			ask.Samples = []Output{o}
		}
		out = append(out, ask)
		if len(it.grounding) > 0 {
			ground := record(role.Responder, "ground", it.grounding[0], nil)
			for _, s := range it.grounding {
				ground.Samples = append(ground.Samples, output(s))
			}
			out = append(out, ground)
		}
		if len(it.answers) > 0 {
			res := record(role.Responder, "respond", &it.answers[0].Sample, c.all())
			for _, a := range it.answers {
				o := output(&a.Sample)
				o.Prediction, o.Rule = a.prediction, &a.rule
				if it.failed == nil && !it.aside() {
					o.Reward = &a.Reward
				}
				if len(a.votes) > 0 {
					o.Votes = &a.tally
				}
				res.Samples = append(res.Samples, o)
			}
			out = append(out, res)
		}
		ballots := map[string]string{} // prompts of votes by prediction
		for _, a := range it.answers {
			if !a.votedOn() {
				continue
			}
			ver := record(role.Verifier, "verify", &a.votes[0].Sample, nil)
			ver.Prediction, ver.Rule = a.prediction, &a.rule
			if before, twice := ballots[a.prediction]; !twice {
				ballots[a.prediction] = ver.Prompt
			} else if before == ver.Prompt {
				ver.Prompt = ""
			}
			for _, v := range a.votes {
				o := output(&v.Sample)
				o.Vote, o.Reward = voteNames[v.vote], &v.Reward
				ver.Samples = append(ver.Samples, o)
			}
			out = append(out, ver)
		}
	}
	return out, written
}

func output(s *rl.Sample) Output {
	o := Output{Text: s.Text, Tokens: len(s.LogProbs), Finish: s.Finish, Advantage: s.Advantage, Trained: s.Trained}
	for _, lp := range s.LogProbs {
		o.LogProb += float64(lp)
	}
	return o
}

// promptText is the text a sample continued; empty if nothing was sampled.
func (g *Game) promptText(s *rl.Sample) string {
	if s.Forest == nil {
		return ""
	}
	text := ""
	for _, a := range s.Forest.Path(int(s.Forest[s.Segment].Parent)) {
		text += g.Chat.Tok.Decode(s.Forest[a].Tokens)
	}
	return text
}

// fate names what became of a question.
func (it *item) fate() string {
	switch {
	case it.failed != nil:
		return "failed"
	case it.verdict == task.BadFormat:
		return "bad format"
	case it.verdict == task.Skip:
		return "skipped"
	case it.tooLong:
		return "too long"
	case it.repeated:
		return "repeated"
	case it.outcome == reward.Ungrounded:
		return "ungrounded"
	case it.dropped():
		return "contradicted"
	case curriculum.Informative(it.points, it.most()):
		return "good"
	case it.points > 0:
		return "all right"
	}
	return "all wrong"
}
