package spell

import (
	"fmt"
	"slices"

	"spell/model"
	"spell/model/train"
	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/settings"
	"spell/rl/task"
)

// Config is everything a run of self-play depends on beside the model and the documents. Counts
// are of questions, answers and tokens of the whole run; nothing is per device or per batch of
// some inner loop. Default has the paper's values, Small those that suit a model of a million
// parameters. Section numbers are those of the paper, arXiv 2509.23863. The doc tags are what a
// written configuration says beside each field.
type Config struct {
	rl.Config

	Questions      int     `json:"questions" min:"1" max:"1073741824" doc:"N, questions that train the responder in a step; paper 128"`
	Draw           int     `json:"draw" min:"1" max:"1073741824" doc:"questions drawn at a time until there are N; paper 480"`
	PerCluster     int     `json:"per_cluster" min:"1" max:"1048576" doc:"questions asked of a cluster that is drawn, side by side: its documents are read once for all of them, in sampling and in the update. Paper: 1"`
	DrawByRate     bool    `json:"draw_by_rate" doc:"draw only so many, up to draw, as the share of good questions so far lets expect to be enough; paper: no"`
	TrainSurplus   bool    `json:"train_surplus" doc:"train all good questions of a step, at the one version of the weights that it plays with; paper: those beyond N are dropped"`
	BadRatio       float64 `json:"bad_ratio" min:"0" max:"100" doc:"failed questions that train, for each good one; paper 1"`
	BadLeast       int     `json:"bad_least" min:"0" max:"1073741824" doc:"failed questions that train at least, so that the questioner learns in a step without good ones, too; paper 0"`
	VerifierGroups int     `json:"verifier_groups" min:"0" max:"1073741824" doc:"groups of votes that train in a step; paper 16 (N/G)"`
	VerifierScaled bool    `json:"verifier_scaled" doc:"train fewer groups of votes in proportion in a step of fewer than N good questions, as the paper's code does"`
	VerifierAny    bool    `json:"verifier_any" doc:"train the groups there are if there are fewer; paper's code: none"`
	VerifierLabel  string  `json:"verifier_label" oneof:"consistent majority" doc:"votes that train: those whose majority is the rule's verdict, too (consistent), or all that are decided (majority, an ablation of the paper)"`
	VerifierLeast  float64 `json:"verifier_least" min:"0" max:"1" doc:"share of the winner among the valid votes that train, at least; paper's code 0.51"`
	VerifierMost   float64 `json:"verifier_most" min:"0" max:"1" doc:"the same at most; paper's code 0.99"`

	Tasks       []task.Task `json:"tasks" group:"questions" doc:"kinds of questions"`
	TaskWeights []int       `json:"task_weights" min:"1" max:"1024" doc:"how often each of tasks is asked, beside the others; empty: equally often, as in the paper"`
	VotedTasks  []task.Task `json:"voted_tasks" doc:"kinds of questions whose answers are voted on; for others the rule decides alone"`
	Grounding   Grounding   `json:"grounding"`
	Prompts     string      `json:"prompts" doc:"prompt set: full, compact, or a folder of one's own"`
	ByRule      bool        `json:"by_rule" doc:"questions are of the kinds whose truth a rule reads from the documents: blanks and fields, as the embedded base for documents asks them. The truth is reported, and the policy is measured on such questions about the clusters that are kept out. Paper: no"`
	Static      string      `json:"static" oneof:"none base truth" doc:"questions that are fixed before the first step, RLVR's baseline, so that the questioner neither asks nor trains: those that the model then asks of the documents that are readable, not answered without documents and answered right once at least (base), or true ones of the generated world or by_rule (truth)"`
	StaticAsked int         `json:"static_asked" min:"0" max:"268435456" doc:"how many questions are asked for static; 0: per_cluster of each cluster and of each of tasks that it is dealt to"`
	HeldOut     int         `json:"held_out" min:"0" max:"1073741824" doc:"held-out questions before and after, on the generated world; over documents of one's own, how many the model is asked for, of clusters that are kept out of training, to measure it on those that are of use; by_rule, questions over documents of each length. 0: none"`
	TestTokens  int         `json:"test_tokens" min:"16" max:"1048576" doc:"by_rule, tokens of the documents of the easiest held-out test; further ones have two, four and eight times as many"`

	HeldOutShare   float64 `json:"held_out_share" group:"measuring on documents of one's own" min:"0" max:"0.9" doc:"share of the clusters that are kept out, whole ones, rounded down. Before the first step the model asks questions of them; those are of use that can be read, are not answered without documents, and are answered right more often than not"`
	HeldOutAnswers int     `json:"held_out_answers" min:"0" max:"1024" doc:"answers to each, whose mean is the accuracy (avg@n); 0: as many as answers"`
	HeldOutEvery   int     `json:"held_out_every" min:"0" max:"1073741824" doc:"steps between measurements; 0: before the first step and after the last alone"`

	Docs        int      `json:"docs" group:"documents" min:"1" max:"1073741824" doc:"m, documents new to the questioner in one call; paper 5"`
	DocsAmong   []int    `json:"docs_among" min:"1" max:"1073741824" doc:"m is drawn from these for each question, in place of docs; empty: docs"`
	LeastDocs   int      `json:"least_docs" min:"0" max:"1073741824" doc:"documents of a cluster at least; smaller ones are left out. 0: m+1, as in the paper"`
	Sources     []Source `json:"sources" doc:"folders and files whose clusters have kinds of questions and m of their own; empty: all are alike, as in the paper but for its numeric questions, which are about financial reports"`
	NearDocs    bool     `json:"near_docs" doc:"draw the questioner's documents by the rare words they share, so that questions can join them; paper: at random"`
	DocChars    int      `json:"doc_chars" min:"16" max:"1073741824" doc:"characters at which long files are cut into documents"`
	MaxDocs     int      `json:"max_docs" min:"2" max:"1073741824" doc:"documents of a cluster, all of which the responder reads; clusters are cut to fit max_prompt, too"`
	LeastTokens int      `json:"least_tokens" min:"0" max:"1073741824" doc:"tokens of the documents of a prompt from which their sizes vary, up to what max_prompt holds, where a larger cluster is cut: short prompts are practised beside long ones. 0: all are as long as max_prompt holds"`

	QuestionTokens int  `json:"question_tokens" min:"1" max:"1073741824" doc:"tokens of a question's text, for which documents leave room in the responder's prompt; a longer one may be too long"`
	MaxQuestion    int  `json:"max_question" group:"outputs" min:"1" max:"1073741824" doc:"tokens of a questioner's output; paper 4,096"`
	MaxAnswer      int  `json:"max_answer" min:"1" max:"1073741824" doc:"tokens of a responder's output; paper 4,096, reasoning models 20,480"`
	MaxVote        int  `json:"max_vote" min:"1" max:"1073741824" doc:"tokens of a verifier's output; paper 4,096"`
	Answers        int  `json:"answers" min:"2" max:"1073741824" doc:"G, answers to a question; paper 8"`
	Votes          int  `json:"votes" min:"0" max:"1073741824" doc:"G, votes on an answer; paper 8. 0: rule rewards alone"`
	Judgements     int  `json:"judgements" min:"0" max:"1073741824" doc:"votes, the first, that decide whether an answer is right; 0: all. All train; paper: all, an ablation 1"`
	EarlyVotes     bool `json:"early_votes" doc:"stop voting once the majority is decided; needs votes that do not train. Metrics then report vote_disagrees alone. Paper: off"`
	ShareVotes     bool `json:"share_votes" doc:"answers to a question that read the same are voted on once, and share the votes; paper: no"`

	MemoryLength int  `json:"memory_length" group:"history" min:"0" max:"1073741824" doc:"L, remembered questions of a cluster and task; paper 3"`
	MemoryUnion  bool `json:"memory_union" doc:"remember all documents of a question (code) or the new ones (paper)"`
	MemorySolved bool `json:"memory_solved" doc:"remember questions that all answers got right (code), not in the paper"`

	Reward             reward.Config `json:"reward" group:"rewards"`
	DropContradicted   bool          `json:"drop_contradicted" doc:"learn nothing from answers that contradict the reference, agreeing with each other: it is false then, more often than not. The question counts as failed. Paper: no"`
	QuestionerBaseline string        `json:"questioner_baseline" oneof:"batch task" doc:"batch (paper) or task (code)"`
	RoleWeights        [3]float64    `json:"role_weights" min:"0" max:"1e6" doc:"of questioner, responder, verifier in the loss; 0: the role is not trained; paper 1, 1, 1"`
}

// Default is the paper's configuration (§2.1, §4; appendix).
func Default() Config {
	return Config{
		Config: rl.DefaultConfig(),
		Tasks:  []task.Task{task.GeneralQA, task.Numeric, task.MultipleChoice}, HeldOut: 512,
		HeldOutShare: 0.1, HeldOutEvery: 10, TestTokens: 256,
		Static: "none", Prompts: "full", Docs: 5, DocChars: 4000, MaxDocs: 20,
		MaxQuestion: 4096, MaxAnswer: 4096, MaxVote: 4096, Answers: 8, Votes: 8,
		VotedTasks: []task.Task{task.GeneralQA, task.Numeric, task.MultipleChoice}, Grounding: usualGrounding(),
		TaskWeights: []int{}, DocsAmong: []int{}, Sources: []Source{},
		Questions: 128, Draw: 480, PerCluster: 1, BadRatio: 1, VerifierGroups: 16, VerifierScaled: true,
		VerifierAny: true, VerifierLabel: "consistent", VerifierLeast: 0.51, VerifierMost: 0.99, QuestionTokens: 512,
		MemoryLength: 3, Reward: reward.Default(), QuestionerBaseline: "batch", RoleWeights: [3]float64{1, 1, 1},
	}
}

// Small suits the embedded base for the generated world: short outputs, small batches, a learning rate for a model of a
// million parameters. The base has read five documents at most, and asks about things that are not there
// when it sees many more: its questioner sees four, and questions that answers or documents give away as
// false are left out.
func Small() Config {
	c := Default()
	c.Steps = 60
	c.Prompts, c.Docs, c.DocChars, c.MaxDocs, c.MaxPrompt = "compact", 2, 400, 40, 1024
	c.NearDocs, c.Temperature, c.TopP, c.MemoryLength = true, 1, 1, 1
	c.Grounding.Names, c.Reward.Contradicted, c.DropContradicted = true, -1, true
	c.MaxQuestion, c.MaxAnswer, c.MaxVote = 80, 48, 4
	c.Questions, c.Draw, c.MaxRounds, c.VerifierGroups, c.LeastDocs, c.VerifierScaled = 24, 48, 2, 12, 2, false
	c.Optim = train.Optim{LR: 5e-5, EmbedScale: 1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0, ClipNorm: 1}
	c.PassTokens, c.BatchTokens, c.CacheTokens = 4096, 4096, 65536
	return c
}

// longest is the longest output in tokens.
func (c *Config) longest() int { return max(c.MaxQuestion, c.MaxAnswer, c.MaxVote) }

// most is the longest output of a role in tokens.
func (c *Config) most(r role.Role) int {
	return [role.NumRoles]int{role.Questioner: c.MaxQuestion, role.Responder: c.MaxAnswer, role.Verifier: c.MaxVote}[r]
}

// maxRounds bounds the rounds of a step: requests' keys have bits for so many.
const maxRounds = 256

// questionRoom returns the tokens that documents leave for a question in the responder's prompt.
func (c *Config) questionRoom() int { return min(c.QuestionTokens, c.MaxQuestion) }

// leastDocs returns how many documents a cluster of a source, or of none, has at least.
func (c *Config) leastDocs(of *Source) int {
	if c.LeastDocs > 0 {
		return max(2, c.LeastDocs)
	}
	m := c.Docs
	if len(c.DocsAmong) > 0 {
		m = slices.Max(c.DocsAmong)
	}
	if of != nil && of.Docs > 0 {
		m = of.Docs
	}
	return max(2, min(m+1, c.MaxDocs))
}

// trains reports whether a role is trained.
func (c *Config) trains(r role.Role) bool {
	return c.RoleWeights[r] > 0 && (r != role.Questioner || c.Static == "none")
}

// filter returns which votes train.
func (c *Config) filter() curriculum.Filter {
	return curriculum.Filter{Consistent: c.VerifierLabel == "consistent", Least: c.VerifierLeast, Most: c.VerifierMost}
}

// leastCache returns the tokens of a cache that holds the longest prompt and its outputs.
func (c *Config) leastCache() int {
	answers := max(c.Answers, c.HeldOutAnswers, c.Grounding.most())
	return c.LeastCache([2]int{1, c.MaxQuestion}, [2]int{answers, c.MaxAnswer}, [2]int{c.Votes, c.MaxVote})
}

// sampled returns how many tokens a step samples if all that is drawn is asked, answered and voted on.
func (c *Config) sampled() int {
	question := float64(c.MaxQuestion) + float64(max(0, c.Grounding.most()-1))*float64(c.MaxAnswer) +
		float64(c.Answers)*(float64(c.MaxAnswer)+float64(c.Votes)*float64(c.MaxVote))
	return int(min(float64(c.MaxRounds)*float64(c.Draw)*question, 1<<40))
}

// Tight is c with room for a prompt of that many tokens, with a group of outputs of up to answer
// tokens, and no more. 0 leaves prompt, answers or answer as they are.
func (c Config) Tight(prompt, answers, answer int) Config {
	if prompt > 0 {
		c.MaxPrompt = prompt
	}
	if answers > 0 {
		c.Answers, c.Votes = answers, min(c.Votes, answers)
	}
	if answer > 0 {
		c.MaxQuestion, c.MaxAnswer, c.MaxVote = min(c.MaxQuestion, answer), answer, min(c.MaxVote, answer)
	}
	c.PassTokens, c.BatchTokens, c.CacheTokens = max(c.MaxPrompt, 64), max(c.longest(), 64), c.leastCache()
	return c
}

// prompt is the tokens of the longest prompt that configuration and model allow beside the longest
// output.
func (c *Config) prompt(m model.Config) (int, error) {
	most := c.MostPrompt(m.Context, c.longest())
	if most < 1 {
		return 0, fmt.Errorf("the model's context of %d tokens holds no prompt beside an output of up to %d; lower "+
			"max_question %d, max_answer %d or max_vote %d",
			m.Context, c.longest(), c.MaxQuestion, c.MaxAnswer, c.MaxVote)
	}
	return most, nil
}

// Validate refuses what no run can be made of, naming the field.
func (c *Config) Validate() error {
	if err := settings.Validate(c); err != nil {
		return err
	}
	if err := c.Config.Validate(); err != nil {
		return err
	}
	longest, cache := c.longest(), c.leastCache()
	switch {
	case c.MaxRounds > maxRounds: // this and the next have so many bits of a request's key
		return fmt.Errorf("max_rounds is %d; it must be at most %d", c.MaxRounds, maxRounds)
	case c.Draw > maxNumber/c.Answers:
		return fmt.Errorf("draw %d times answers %d must be at most %d", c.Draw, c.Answers, maxNumber)
	case c.BatchTokens < longest:
		return fmt.Errorf("batch_tokens is %d; an output has up to %d tokens", c.BatchTokens, longest)
	case c.CacheTokens < cache:
		return fmt.Errorf("cache_tokens is %d; a prompt of max_prompt %d tokens and its outputs take up to %d",
			c.CacheTokens, c.MaxPrompt, cache)
	case max(c.Answers, c.Votes) > min(c.PassTokens, 1024):
		return fmt.Errorf("answers %d and votes %d must be at most 1024 and at most pass_tokens", c.Answers, c.Votes)
	case c.Judgements > c.Votes && c.Votes > 0:
		return fmt.Errorf("judgements is %d; there are votes %d", c.Judgements, c.Votes)
	case len(c.TaskWeights) > 0 && len(c.TaskWeights) != len(c.Tasks):
		return fmt.Errorf("task_weights has %d weights; tasks has %d kinds", len(c.TaskWeights), len(c.Tasks))
	case c.EarlyVotes && c.VerifierGroups > 0 && c.trains(role.Verifier):
		return fmt.Errorf("early_votes drops votes, and votes train: set verifier_groups or the verifier's role " +
			"weight to 0, or early_votes to false")
	case c.RoleWeights == [role.NumRoles]float64{}:
		return fmt.Errorf("role_weights are all 0: nothing would be trained; give at least one role a weight above 0")
	case !c.trains(role.Questioner) && !c.trains(role.Responder) && !c.trains(role.Verifier):
		return fmt.Errorf("static leaves the questioner out and role_weights the others: nothing would be trained; " +
			"give the responder a weight above 0")
	case len(c.Tasks) == 0:
		return fmt.Errorf("tasks is empty; name at least one of %s", task.Names())
	}
	if err := c.Grounding.validate(); err != nil {
		return err
	}
	if err := c.validateSources(); err != nil {
		return err
	}
	for i, t := range c.Tasks {
		if slices.Contains(c.Tasks[:i], t) {
			return fmt.Errorf("tasks has %s twice; name each once", t)
		}
	}
	return nil
}

func (c *Config) memory() curriculum.MemoryConfig {
	return curriculum.MemoryConfig{Length: c.MemoryLength, Cumulative: c.MemoryUnion, AdmitSolved: c.MemorySolved}
}
