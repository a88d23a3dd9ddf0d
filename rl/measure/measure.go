package measure

import (
	"context"

	"spell/model/rollout"
	"spell/rl/corpus/reading"
	"spell/rl/eval"
)

// An Outcome is what a model made of a plan.
type Outcome struct {
	Accuracies []Accuracy `json:"accuracies"`
	Asked      []Asking   `json:"asked"`     // by task, and of all
	Questions  []Question `json:"questions"` // that the model asked
	Accept     eval.Count `json:"accept"`    // equal answers that the verifier calls the same
	Reject     eval.Count `json:"reject"`    // different answers that it calls different

	Answered []Answered `json:"answered_examples,omitempty"` // of the first length
	Posed    []Posed    `json:"asked_examples,omitempty"`
}

// An Accuracy is how a model answered the questions over documents of a length.
type Accuracy struct {
	Length int `json:"length"`
	eval.Result
}

// A Question is what became of a question that a model asked.
type Question struct {
	Task     string `json:"task"`
	Readable bool   `json:"readable"`
	Known    bool   `json:"known"` // a place of the documents fits it
	True     bool   `json:"true"`  // its reference answer is
	Right    int    `json:"right"` // answers of the model that agree with the reference
}

// Asking counts questions that a model asked. Rates are shares of the readable ones.
type Asking struct {
	Task     string  `json:"task,omitempty"`
	Asked    int     `json:"asked"`
	Readable int     `json:"readable"`
	Known    int     `json:"known"`
	True     int     `json:"true"`
	PassRate float64 `json:"pass_rate"` // share of answers that agree with the reference, mean
	AllRight float64 `json:"all_right"` // share of questions of whose answers all do
	Some     float64 `json:"some_right"`
	None     float64 `json:"none_right"`
}

// An Answer is what a model said to a question.
type Answer struct {
	Reply    string `json:"reply"`
	Answer   string `json:"answer"` // that is read in it
	Readable bool   `json:"readable"`
	Right    bool   `json:"right"` // by the reference
}

// Answered is a question of the plan with what the model said.
type Answered struct {
	Kind      string `json:"kind"`
	Question  string `json:"question"` // with its options
	Reference string `json:"reference"`
	Answer
}

// Posed is a question that a model asked, in full.
type Posed struct {
	Question
	Reply     string   `json:"reply"`
	Text      string   `json:"question,omitempty"` // with its options
	Reference string   `json:"reference,omitempty"`
	Truth     []string `json:"truth,omitempty"`   // as the documents have it
	Answers   []Answer `json:"answers,omitempty"` // of the model
}

// Measure asks a model, and samples its questions and the answers to them. show is told what it does.
func (p *Plan) Measure(ctx context.Context, policy eval.Policy, show func(doing string)) (*Outcome, error) {
	policy.Sampling = eval.Sampled
	out := &Outcome{}
	for i, s := range p.stretches {
		t := s.Test()
		show("questions over " + t.Name)
		replies, err := t.Sample(ctx, policy, greedily())
		if err != nil {
			return nil, err
		}
		out.Accuracies = append(out.Accuracies, Accuracy{s.Length, t.Grade(policy, replies)})
		if i == 0 {
			out.Answered = p.answered(t, policy, replies)
		}
	}
	if p.Asked == 0 {
		return out, nil
	}
	if err := p.pose(ctx, policy, show, out); err != nil {
		return nil, err
	}
	show("comparing answers")
	var err error
	out.Accept, out.Reject, err = eval.Votes(ctx, policy, p.pairs, answerTokens)
	return out, err
}

// answered returns the first questions of a test.
func (p *Plan) answered(t *eval.Test, policy eval.Policy, r *eval.Replies) (list []Answered) {
	for i, it := range t.Exams {
		for k, q := range it.Questions {
			if len(list) == p.Examples {
				return list
			}
			list = append(list, Answered{t.Kinds[q.Kind], policy.Prompts.QuestionText(q.Question), q.Answer,
				read(t, policy, q, r.Said[i][k][0])})
		}
	}
	return list
}

// read reads a reply to a question of a test.
func read(t *eval.Test, policy eval.Policy, q eval.Question, reply string) Answer {
	answer, right, readable := t.Answer(policy, q, reply)
	return Answer{reply, answer, readable, right}
}

// pose has the model ask questions and answer those that can be read.
func (p *Plan) pose(ctx context.Context, policy eval.Policy, show func(string), out *Outcome) error {
	show("asking questions")
	posed, err := eval.Pose(ctx, policy, p.turns, questionTokens)
	if err != nil {
		return err
	}
	answers, err := p.answers(ctx, policy, show, posed)
	if err != nil {
		return err
	}
	for i, q := range posed {
		of := p.turns[i].Task
		x := Question{Task: of.String(), Readable: q.Readable}
		full := Posed{Reply: q.Reply, Answers: answers[i]}
		if q.Readable {
			truth, _ := p.over[i].Truth(q.Question.Text, of)
			x.Known, x.True = truth.Found, p.over[i].Right(q.Question, of)
			for _, a := range answers[i] {
				if a.Right {
					x.Right++
				}
			}
			full.Text, full.Reference = policy.Prompts.QuestionText(q.Question), q.Question.Answer
			full.Truth = truth.Answers
		}
		out.Questions = append(out.Questions, x)
		if i < p.Examples {
			full.Question = x
			out.Posed = append(out.Posed, full)
		}
	}
	for _, t := range reading.Tasks() {
		out.Asked = append(out.Asked, p.count(out.Questions, t.String()))
	}
	out.Asked = append(out.Asked, p.count(out.Questions, ""))
	return nil
}

// answers has the model answer the questions that can be read, each several times over its documents.
func (p *Plan) answers(ctx context.Context, policy eval.Policy, show func(string), posed []eval.Posed) (
	[][]Answer, error) {

	t := &eval.Test{Accepts: reading.Accepts}
	var numbers [][]int // of the questions of each exam
	open := map[*reading.Cluster]int{}
	for i, q := range posed {
		if !q.Readable {
			continue
		}
		at, begun := open[p.over[i]]
		if !begun || len(numbers[at]) == p.together() {
			at = len(numbers)
			open[p.over[i]] = at
			t.Exams, numbers = append(t.Exams, eval.Exam{Docs: p.turns[i].Docs}), append(numbers, nil)
		}
		question := eval.Question{Question: q.Question, Task: p.turns[i].Task}
		t.Exams[at].Questions = append(t.Exams[at].Questions, question)
		numbers[at] = append(numbers[at], i)
	}
	show("answering them")
	replies, err := t.Sample(ctx, policy, rollout.Branch{N: p.Answers, MaxTokens: answerTokens,
		Sampling: policy.Sampling})
	if err != nil {
		return nil, err
	}
	all := make([][]Answer, len(posed))
	for at, list := range numbers {
		for k, i := range list {
			for _, reply := range replies.Said[at][k] {
				all[i] = append(all[i], read(t, policy, t.Exams[at].Questions[k], reply))
			}
		}
	}
	return all, nil
}

// count counts the questions of a task, or all if it is empty.
func (p *Plan) count(list []Question, of string) Asking {
	c := Asking{Task: of}
	for _, q := range list {
		if of != "" && q.Task != of {
			continue
		}
		c.Asked++
		if !q.Readable {
			continue
		}
		c.Readable++
		if q.Known {
			c.Known++
		}
		if q.True {
			c.True++
		}
		c.PassRate += float64(q.Right) / float64(p.Answers)
		switch q.Right {
		case p.Answers:
			c.AllRight++
		case 0:
			c.None++
		default:
			c.Some++
		}
	}
	for _, share := range []*float64{&c.PassRate, &c.AllRight, &c.Some, &c.None} {
		*share /= float64(max(c.Readable, 1))
	}
	return c
}
