package spell

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/eval"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// levels are how hard a toy's questions may be.
const levels = 11

// A toy is a policy of a few numbers that plays by the paper's counts, without a model: it picks how hard a question
// is, answers right by its skill and votes right by its judgement.
type toy struct {
	g                *Game
	asks             [levels]float64 // logits of the questioner
	skill, judgement float64         // logits of a right answer to a question of middling hardness, and of a right vote
	badFormat        float64         // share of questions that cannot be read
	ungrounded       float64         // share of the others that are answered without documents

	levels []int // of the step's questions
}

// newToy returns a toy over 2,150 clusters of 20 documents for each of the tasks.
func newToy(t *testing.T, c Config) *toy {
	t.Helper()
	g := &Game{Config: c, Prompts: full(t), memory: curriculum.NewMemory(c.memory())}
	var all []int
	for i := range 2150 * len(c.Tasks) {
		g.clusters = append(g.clusters, cluster{name: fmt.Sprint(i), docs: make([]string, 20)})
		all = append(all, i)
	}
	var err error
	domains := curriculum.Split(all, c.Tasks, c.Seed)
	if g.sampler, err = curriculum.NewSampler(c.Seed, domains, c.PerCluster); err != nil {
		t.Fatal(err)
	}
	return &toy{g: g, badFormat: 0.1, ungrounded: 0.1}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// picks returns the chances of the levels.
func (p *toy) picks() (chances [levels]float64) {
	sum := 0.0
	for i, x := range p.asks {
		chances[i] = math.Exp(x)
		sum += chances[i]
	}
	for i := range chances {
		chances[i] /= sum
	}
	return chances
}

// answersRight is the chance of a right answer to a question of a level.
func (p *toy) answersRight(level int) float64 { return sigmoid(p.skill + float64(levels/2-level)) }

// ask asks a question and has it answered and voted on.
func (p *toy) ask(it *item, r *rng.Rand) {
	level, chances := 0, p.picks()
	for at := r.Float64() - chances[0]; at > 0 && level < levels-1; at -= chances[level] {
		level++
	}
	p.levels = append(p.levels, level)
	switch x := r.Float64(); {
	case x < p.badFormat:
		it.verdict, it.outcome = task.BadFormat, reward.BadFormat
		return
	case x < p.badFormat+(1-p.badFormat)*p.ungrounded:
		it.outcome = reward.Ungrounded
		return
	}
	it.question = task.Question{Text: fmt.Sprint(p.g.step, it.round, it.place), Answer: "a"}
	for range p.g.Config.Answers {
		a := &answer{extracted: true, rule: r.Float64() < p.answersRight(level)}
		for range p.g.Config.Votes {
			v := &vote{vote: role.No}
			if (r.Float64() < sigmoid(p.judgement)) == a.rule {
				v.vote = role.Yes
			}
			a.votes = append(a.votes, v)
		}
		it.answers = append(it.answers, a)
	}
}

// step plays a step and returns the groups that train and the report.
func (p *toy) step(t *testing.T, step int) ([]rl.Group, *Report) {
	t.Helper()
	p.levels = nil
	p.g.Begin(step)
	for round := 0; round < p.g.Config.MaxRounds && !p.g.Enough(); round++ {
		players, err := p.g.Draw(round)
		if err != nil {
			t.Fatal(err)
		}
		for i, player := range players {
			p.ask(player.(*item), rng.At(p.g.Config.Seed, rng.Sample, uint64(step), uint64(round), uint64(i)))
		}
		if err := p.g.Reward(make([]error, len(players))); err != nil {
			t.Fatal(err)
		}
	}
	return p.g.Choose(), p.g.report(&rl.Update{})
}

// learn moves the numbers by the gradient of the mean of each role's samples, of the logarithms of their chances times
// their advantages.
func (p *toy) learn(groups []rl.Group, rates [role.NumRoles]float64) {
	var n [role.NumRoles]float64
	for _, g := range groups {
		n[g.Part] += float64(len(g.Samples))
	}
	of := func(s *rl.Sample, r role.Role) float64 { return rates[r] * s.Advantage / max(1, n[r]) }
	slope := func(happened bool, chance float64) float64 {
		if happened {
			return 1 - chance
		}
		return -chance
	}
	var asks [levels]float64
	var skill, judgement float64
	chances := p.picks()
	for i, it := range p.g.items {
		level, weight := p.levels[i], of(&it.asked, role.Questioner)
		for k := range asks {
			asks[k] += weight * slope(k == level, chances[k])
		}
		for _, a := range it.answers {
			skill += of(&a.Sample, role.Responder) * slope(a.rule, p.answersRight(level))
			for _, v := range a.votes {
				judgement += of(&v.Sample, role.Verifier) * slope((v.vote == role.Yes) == a.rule, sigmoid(p.judgement))
			}
		}
	}
	for k := range asks {
		p.asks[k] += asks[k]
	}
	p.skill, p.judgement = p.skill+skill, p.judgement+judgement
}

// TestPaperBatch: at the paper's counts, with enough good questions, an update has 1,024 answers to 128 of them, these
// questions and as many failed ones of each task, and 16 whole groups of 8 votes; a smaller step has fewer in
// proportion. No task is favoured.
func TestPaperBatch(t *testing.T) {
	for _, scarce := range []bool{false, true} {
		var good, drawn [3]int // by task
		for seed := range uint64(4) {
			c := Default()
			c.Seed = seed
			if scarce {
				c.Draw, c.MaxRounds = 120, 1
			}
			p := newToy(t, c)
			p.judgement = 1
			groups, rep := p.step(t, 0)
			n := min(128, rep.Counts.Good)
			if scarce == (n == 128) || rep.Counts.Drawn != c.Draw*rep.Rounds {
				t.Fatalf("seed %d: %d of %d questions are good", seed, rep.Counts.Good, rep.Counts.Drawn)
			}
			for _, it := range p.g.items {
				drawn[it.Task]++
			}
			votes := (n*16 + 127) / 128
			checkBatch(t, p, groups, [role.NumRoles]int{2 * n, n, votes}, &good)
		}
		if drawn[0] != drawn[1] || drawn[1] != drawn[2] {
			t.Errorf("%v questions are drawn of the tasks", drawn)
		}
		total := good[0] + good[1] + good[2]
		for of, k := range good { // four standard deviations
			if mean := float64(total) / 3; math.Abs(float64(k)-mean) > 4*math.Sqrt(mean*2/3) {
				t.Errorf("of %d questions that train %d are of task %d", total, k, of)
			}
		}
	}
}

// checkBatch looks at the groups of an update, so many of each role, and counts the good questions of each task.
func checkBatch(t *testing.T, p *toy, groups []rl.Group, want [role.NumRoles]int, good *[3]int) {
	t.Helper()
	asked, answered := map[*rl.Sample]*item{}, map[*rl.Sample]*answer{}
	for _, it := range p.g.items {
		asked[&it.asked] = it
		for _, a := range it.answers {
			for _, v := range a.votes {
				answered[&v.Sample] = a
			}
		}
	}
	var got [role.NumRoles]int
	var pooled []*rl.Sample
	quota := map[task.Task]int{} // failed questions that train, less good ones
	for _, g := range groups {
		got[g.Part]++
		switch role.Role(g.Part) {
		case role.Questioner:
			pooled = append(pooled, g.Samples...)
			it := asked[g.Samples[0]]
			if quota[it.Task]++; it.good() {
				quota[it.Task] -= 2
				good[it.Task]++
			}
			continue
		case role.Verifier:
			a := answered[g.Samples[0]]
			if d := a.decision == reward.Accepted; d != a.rule || slices.ContainsFunc(g.Samples,
				func(s *rl.Sample) bool { return answered[s] != a }) {
				t.Errorf("votes %+v train for an answer of which the rule says %v", a.tally, a.rule)
			}
		}
		if len(g.Samples) != 8 {
			t.Errorf("a group of the %v has %d samples", role.Role(g.Part), len(g.Samples))
		}
		checkNormal(t, g.Samples)
	}
	checkNormal(t, pooled)
	if got != want {
		t.Errorf("groups %v train, want %v", got, want)
	}
	lack := 0
	for of, over := range quota {
		if lack += over; over != 0 && want[role.Responder] == 128 {
			t.Errorf("task %v has %d more failed questions than good ones", of, over)
		}
	}
	if lack != 0 {
		t.Errorf("%d more failed questions train than good ones", lack)
	}
}

// checkNormal: advantages have mean 0 and standard deviation 1.
func checkNormal(t *testing.T, samples []*rl.Sample) {
	t.Helper()
	sum, squares := 0.0, 0.0
	for _, s := range samples {
		sum += s.Advantage
		squares += s.Advantage * s.Advantage
	}
	if std := math.Sqrt(squares / float64(len(samples)-1)); math.Abs(sum) > 1e-9 || math.Abs(std-1) > 1e-4 {
		t.Errorf("advantages of %d samples have the sum %g and the standard deviation %g", len(samples), sum, std)
	}
}

// TestToyRun: whether questions begin too easy or too hard, the policy learns to answer and judge better, and asks what
// half of its answers get right. A questioner that does not learn goes on asking what it asked.
func TestToyRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  int // the level that is asked at first
		frozen bool
	}{{"easy", 1, false}, {"hard", 9, false}, {"easy and frozen", 1, true}} {
		c := Default().of(32)
		c.MaxRounds, c.VerifierGroups = 4, 4
		if tt.frozen {
			c.RoleWeights[role.Questioner] = 0
		}
		p := newToy(t, c)
		p.judgement = 0.5
		for i := range p.asks {
			p.asks[i] = -math.Abs(float64(i - tt.first))
		}
		var rates, rewards []float64 // of right answers, of questions
		skill, judgement := p.skill, p.judgement
		for step := range 40 {
			groups, rep := p.step(t, step)
			rates, rewards = append(rates, rep.RuleRate), append(rewards, rep.Roles[role.Questioner].Reward)
			p.learn(groups, [role.NumRoles]float64{2, 0.05, 0.05})
		}
		first, last := eval.Mean(rates[:5]), eval.Mean(rates[len(rates)-10:])
		gain := eval.Mean(rewards[len(rewards)-10:]) - eval.Mean(rewards[:10])
		if !(p.skill > skill+0.3) || !(p.judgement > judgement+0.3) {
			t.Errorf("%s: skill %.2f became %.2f, judgement %.2f became %.2f", tt.name, skill, p.skill, judgement,
				p.judgement)
		}
		if drifted := math.Abs(last-0.5) < math.Abs(first-0.5)/2; drifted == tt.frozen || (gain > 0.2) == tt.frozen {
			t.Errorf("%s: %.0f%% of answers were right and %.0f%% are in the end; a question earns %.2f more", tt.name,
				100*first, 100*last, gain)
		}
	}
}
