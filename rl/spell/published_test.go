package spell

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/kernels/tally"
	"spell/model"
	"spell/rl/curriculum"
	"spell/rl/eval"
	"spell/rl/grpo"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// TestPublishedDefects walks what the paper and the code that was published with it do differently or wrong. Where both
// are defensible the paper is the default and the code a setting.
func TestPublishedDefects(t *testing.T) {
	walk(t, []point{
		{what: "a questioner's baseline is the batch, and one question has none", right: func(t *testing.T) {
			a := make([]float64, 3)
			grpo.BatchAdvantages(a, []float64{1, 0, -1}, nil, false)
			if Default().QuestionerBaseline != "batch" || math.Abs(a[0]-1/(1+1e-6)) > 1e-12 || a[1] != 0 {
				t.Errorf("advantages %v over the batch", a)
			}
			grpo.BatchAdvantages(a, []float64{1, 0, -1}, []int{0, 0, 1}, false)
			if a[2] != 0 || !(a[0] > 0) {
				t.Errorf("advantages %v over tasks, of which one has a single question", a)
			}
		}},
		{what: "questions that all answers solve are not remembered", right: func(t *testing.T) {
			for _, solved := range []bool{false, true} {
				c := Default()
				c.MemorySolved = solved
				m := curriculum.NewMemory(c.memory())
				if got := m.Admit(task.GeneralQA, 0, curriculum.View{}, "q", "a", 8, 8); got != solved {
					t.Errorf("memory_solved %v: remembered %v", solved, got)
				}
				if m.Admit(task.GeneralQA, 0, curriculum.View{}, "r", "a", 0, 8) {
					t.Error("a question that no answer solves is remembered")
				}
			}
		}},
		{what: "the new documents are remembered, not all", right: func(t *testing.T) {
			view := curriculum.View{Docs: []int{1, 2, 3}, New: []int{2}}
			for union, want := range map[bool][]int{false: view.New, true: view.Docs} {
				c := Default()
				c.MemoryUnion = union
				m := curriculum.NewMemory(c.memory())
				m.Admit(task.GeneralQA, 0, view, "q", "a", 4, 8)
				if got := m.Entries(task.GeneralQA, 0)[0].Docs; !slices.Equal(got, want) {
					t.Errorf("memory_union %v: documents %v", union, got)
				}
			}
		}},
		{what: "a question is remembered once", right: remembersOnce},
		{what: "memory and sampler survive a resume, and the split is seeded", right: func(t *testing.T) {
			domains := func() []curriculum.Domain { return curriculum.Split([]int{0, 1, 2, 3, 4, 5}, task.All(), 7) }
			if !reflect.DeepEqual(domains(), domains()) {
				t.Error("the same seed splits clusters otherwise")
			}
			s, err := curriculum.NewSampler(7, domains(), 1)
			if err != nil {
				t.Fatal(err)
			}
			s.Draw(3)
			saved, _ := json.Marshal(s)
			want := s.Draw(6)
			again, _ := curriculum.NewSampler(7, domains(), 1)
			if err := again.Restore(saved); err != nil || !slices.Equal(again.Draw(6), want) {
				t.Errorf("a sampler that is restored draws otherwise, %v", err)
			}
			m := newMemory()
			m.Admit(task.GeneralQA, 2, curriculum.View{New: []int{1}}, "q", "a", 4, 8)
			saved, _ = json.Marshal(m)
			back := newMemory()
			if err := back.Restore(saved, make([]int, 3)); err == nil {
				t.Error("a memory of documents that there are none of is restored")
			}
			if err := back.Restore(saved, []int{0, 0, 2}); err != nil ||
				!reflect.DeepEqual(back.Entries(task.GeneralQA, 2), m.Entries(task.GeneralQA, 2)) {
				t.Errorf("a memory that is restored is another, %v", err)
			}
		}},
		{what: "a tie refuses, in any order", right: func(t *testing.T) {
			for _, said := range []string{"yn", "ny", "yyynnn", "nynyny"} {
				if d := Default().Reward.Decide(reward.Count(cast(said))); d != reward.Refused {
					t.Errorf("%s decide %d", said, d)
				}
			}
		}},
		{what: "votes for neither win nothing and are not punished", right: func(t *testing.T) {
			c := Default().Reward
			for said, want := range map[string]reward.Decision{"???yy": reward.Refused, "???": reward.Refused,
				"yyyy???": reward.Accepted} {
				if d := c.Decide(reward.Count(cast(said))); d != want {
					t.Errorf("%s decide %d, want %d", said, d, want)
				}
			}
			if got := c.Verifier(role.Invalid, reward.Refused); got != 0 {
				t.Errorf("an invalid vote earns %v", got)
			}
			c.Plurality, c.InvalidVote = true, -1
			if d := c.Decide(reward.Count(cast("???yy"))); d != reward.Undecided ||
				c.Verifier(role.Yes, d) != -1 {
				t.Errorf("by the code's rule ???yy decide %d", d)
			}
		}},
		{what: "votes train if they agree with the rule and not all with each other", right: func(t *testing.T) {
			c := Default()
			for yes, want := range []bool{false, true, true, true, false, false, false, false, false} {
				tally := reward.Tally{Yes: yes, No: 8 - yes}
				if got := c.filter().Votes(tally, c.Reward.Decide(tally), false) == curriculum.VoteKept; got != want {
					t.Errorf("%d of 8 for a wrong answer: trains %v", yes, got)
				}
			}
		}},
		{what: "fewer groups of votes than wanted train", right: func(t *testing.T) {
			c := Default()
			r := rng.At(1, rng.Verifiers, 0, 0, 0)
			if got := curriculum.VerifierGroups(3, c.VerifierGroups, c.VerifierAny, r); len(got) != 3 {
				t.Errorf("of 3 groups %v train", got)
			}
			if got := curriculum.VerifierGroups(3, c.VerifierGroups, false, r); got != nil {
				t.Errorf("by the code's rule %v train", got)
			}
		}},
		{what: "a loss does not depend on how samples are packed", shown: "rl/spell TestBatches"},
		{what: "without a KL term there is no reference model", right: func(t *testing.T) {
			for kl, want := range map[float64]bool{0: false, 0.1: true} {
				c := small()
				c.KL = kl
				d, err := newDryRun(tally.Rates{}, testShape(400), model.F32, c, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := d.machine.Reference != nil; got != want {
					t.Errorf("with kl %g there is a reference: %v", kl, got)
				}
			}
		}},
		{what: "the sampled log-probabilities are those of the update", shown: "rl TestOnPolicy"},
		{what: "the letter is told, drawn and enforced", right: func(t *testing.T) {
			_, ask := full(t).Questioner(task.MultipleChoice, []string{"d"}, nil, role.Drawn{Letter: "C"})
			if strings.Contains(ask, "{{") || !strings.Contains(ask, "Option C must be") {
				t.Errorf("the prompt is %q", ask)
			}
			TestDrawnLetter(t)
		}},
		{what: "phrases are looked for in the answer, not in the reply", right: func(t *testing.T) {
			p, ok := full(t).ExtractAnswer(task.GeneralQA, "It is not Paris. The correct answer is (London).")
			if !ok || Default().Reward.Rule(task.GeneralQA, p, "Paris") {
				t.Errorf("%q is right by Paris", p)
			}
		}},
		{what: "a guess does not refuse a question with options", right: unguessed},
		{what: "reasoning without an end is skipped, wherever it began", right: func(t *testing.T) {
			p := full(t)
			for thinking, said := range map[bool]string{false: "<think>hm", true: "hm"} {
				p.Thinking = thinking
				if _, v := p.ParseQuestion(task.GeneralQA, said, nil); v != task.Skip {
					t.Errorf("%q has verdict %d", said, v)
				}
				if _, ok := p.ExtractAnswer(task.GeneralQA, said+" The correct answer is (x)."); ok {
					t.Errorf("%q states an answer", said)
				}
			}
		}},
		{what: "outputs of 20,480 tokens leave the documents their 16K", right: roomForReasoning},
		{what: "pass@k is unbiased", right: func(t *testing.T) {
			if got := eval.PassAtK(8, 1, 8); got != 1 {
				t.Errorf("pass@8 of 1 in 8 is %g", got)
			}
			if got := eval.PassAtK(8, 2, 4); math.Abs(got-(1-15.0/70)) > 1e-12 {
				t.Errorf("pass@4 of 2 in 8 is %g", got)
			}
		}},
		{what: "the average is of four columns", shown: "rl/eval TestSummarize"},
		{what: "the rule counts beside the judge", shown: "rl/eval TestRules"},
		{what: "the sets of LongBench are read as they are named", shown: "rl/eval/bench TestPublished"},
		{what: "FRAMES is read", shown: "rl/eval/bench TestRead"},
		{what: "an evaluation goes on where it was cut off", shown: "rl/eval TestResults"},
		{what: "what a model writes is never evaluated", right: ruled(task.Numeric, task.Rules{},
			pair{"9**9**9", "5", false}, pair{"__import__('os')", "5", false}, pair{"[0]*10**10", "5", false},
			pair{strings.Repeat("(", 1<<16) + "5", "5", false}, pair{"1e999999999", "5", false})},
		{what: "a round of which nothing is left ends, and data too hard end no run", right: func(t *testing.T) {
			for _, fate := range fates[:6] {
				c := small()
				c.MaxRounds = 3
				reports, _, _ := steps(t, c, 1, func(_, _, _ int) plan { return fate })
				if rep := reports[0]; rep.Rounds != 3 || rep.Counts.Good != 0 || trained(&rep.Update) != [3]int{} {
					t.Errorf("%+v: %v", fate, rep)
				}
			}
		}},
		{what: "a step without enough good questions trains those it has", shown: "rl/spell TestStepCounts"},
		{what: "commands call what is there", never: "there is one program, whose commands the tests of cmd/spell run"},
		{what: "every way to generate samples as many", never: "there is one engine, and tests compare its outputs bit by bit"},
		{what: "every setting has a value", shown: "rl/spell TestSettings"},
	}, 29)
}

// newMemory returns an empty memory of the paper's settings.
func newMemory() *curriculum.Memory {
	c := Default()
	return curriculum.NewMemory(c.memory())
}

// cast returns votes: y, n or ? for neither.
func cast(said string) (votes []role.Vote) {
	for _, v := range said {
		votes = append(votes, map[rune]role.Vote{'y': role.Yes, 'n': role.No, '?': role.Invalid}[v])
	}
	return votes
}

// remembersOnce: the same question takes one place of the memory.
func remembersOnce(t *testing.T) {
	m := newMemory()
	for i, q := range []string{"Who runs it?", "who  runs it?", "Who runs it?", "Where?"} {
		got := m.Admit(task.GeneralQA, 0, curriculum.View{New: []int{i}}, q, "a", 4, 8)
		if want := i%3 == 0; got != want {
			t.Errorf("%q is remembered: %v", q, got)
		}
	}
}

// unguessed: of questions with options several answers without documents must be right where settings say so, and the
// test can be left out.
func unguessed(t *testing.T) {
	g := laptop(OwnModel).Grounding
	if samples, right := g.of(task.MultipleChoice); samples != 4 || right != 3 {
		t.Errorf("%d of %d blind answers drop a question with options", right, samples)
	}
	if samples, right := g.of(task.Numeric); samples != 1 || right != 1 {
		t.Errorf("%d of %d blind answers drop a question with a number", right, samples)
	}
	g.Tasks = []task.Task{task.Numeric}
	if samples, _ := g.of(task.MultipleChoice); samples != 0 {
		t.Errorf("%d blind answers to a kind that is not tested", samples)
	}
}

// roomForReasoning: documents have all of a prompt that instructions and the text of a question leave, however long the
// questioner may reason.
func roomForReasoning(t *testing.T) {
	c := Default()
	c.MaxQuestion, c.MaxAnswer = 20480, 20480
	c = c.in(c.MaxPrompt, 1)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.prompt(model.Config{Context: 131072}); err != nil || got != 16384 || c.questionRoom() != 512 {
		t.Errorf("prompts of %d tokens with room for %d of a question, %v", got, c.questionRoom(), err)
	}
}
