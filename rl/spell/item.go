package spell

import (
	"fmt"
	"slices"

	"spell/model/forest"
	"spell/rl"
	"spell/rl/curriculum"
	"spell/rl/play"
	"spell/rl/reward"
	"spell/rl/role"
	"spell/rl/task"
)

// An item is one question on its way: it is asked, tried without documents, answered and voted on. One that is fixed
// is answered and voted on, one of an interlude not voted on.
// It is a play.Player that asks for each of these when it has read the outputs of the one before.
type item struct {
	curriculum.Item
	game         *Game
	from         *cluster
	keys         uint64                                 // that its asks begin with
	fixed        bool                                   // the question was there before the step
	wants        int                                    // answers; 0: as many as the settings say
	next         func([]play.Reply) ([]play.Ask, error) // what reads the replies to come
	round, place int                                    // in the step, in the round
	index        int                                    // in the step
	view         curriculum.View
	shown        int        // of the questions of the view, how many were shown
	drawn        role.Drawn // for the questioner
	asked        rl.Sample
	verdict      task.Verdict
	question     task.Question
	grounding    []*rl.Sample // the answers without documents
	outcome      reward.Outcome
	tooLong      bool
	repeated     bool  // the question was asked before
	contradicted bool  // most answers agree on one that is not the reference
	admitted     bool  // it was remembered
	kept         bool  // it was asked ahead of the first step and is of use
	failed       error // why it ended early
	answers      []*answer
	prompt       forest.Forest // of the responder, answers included
	points       int           // that the answers earned
	done         float64       // share of its work
}

// An answer is a responder's sample and the votes on it.
type answer struct {
	rl.Sample
	prediction string
	extracted  bool
	rule       bool
	like       *answer // an earlier one that reads the same, whose votes it shares
	votes      []*vote
	ballot     forest.Forest // the verifier's prompt and votes
	tally      reward.Tally
	points     int
	decision   reward.Decision // of all votes
	fate       curriculum.VoteFate
}

// votedOn reports whether an answer has votes that it shares with none before it.
func (a *answer) votedOn() bool { return len(a.votes) > 0 && a.like == nil }

// A vote is a verifier's sample.
type vote struct {
	rl.Sample
	vote role.Vote
}

// A stage numbers the kinds of asks in the keys of a step's requests.
type stage int

const (
	stageAsk stage = iota
	stageGround
	stageRespond
	stageVerify
)

// stages are how asks are named, how a progress line calls them, and the share of an item's work
// that is done when their outputs are there.
var stages = [...]struct {
	name, doing string
	done        float64
}{{"ask", "asking", 0.2}, {"ground", "grounding", 0.3}, {"respond", "answering", 0.7}, {"verify", "voting", 1}}

// maxNumber is how many requests of a round's stage have keys of their own.
const maxNumber = 1 << 28

// Next reads the outputs of a stage and asks for those of the next.
func (it *item) Next(replies []play.Reply) ([]play.Ask, error) { return it.next(replies) }

// Share returns how much of the item's work is done.
func (it *item) Share() float64 { return it.done }

// ask makes an ask of a stage. number tells the asks of a round's stage apart.
func (it *item) ask(s stage, number int, prompt [][]int32, n, max int) play.Ask {
	name := stages[s].name
	if s == stageVerify {
		name = fmt.Sprintf("%s/%d", name, number%it.game.Config.Answers)
	}
	return play.Ask{
		Name: name, Doing: stages[s].doing, Prompt: prompt, N: n, Max: max, Sampling: it.game.Config.Sampling(),
		Key: it.keys | uint64(s)<<36 | uint64(number),
	}
}

// asideBit is the bit of a stage that tells the keys of an interlude from those of a step.
const asideBit = 3

// keysOf returns what the keys of a round's asks begin with, in a step or after so many.
func keysOf(step, round int, aside bool) uint64 {
	keys := uint64(step)<<40 | uint64(round)*maxNumber
	if aside {
		keys |= 1 << (36 + asideBit)
	}
	return keys
}

// aside reports whether the item is of an interlude.
func (it *item) aside() bool { return it.keys&(1<<(36+asideBit)) != 0 }

// then has the replies to come read by next, and returns the asks.
func (it *item) then(next func([]play.Reply) ([]play.Ask, error), asks ...play.Ask) ([]play.Ask, error) {
	it.next = next
	return asks, nil
}

// end is what an item asks that has ended.
func (it *item) end() ([]play.Ask, error) { return nil, nil }

// shownDocs returns the documents that the questioner sees.
func (it *item) shownDocs() []string {
	docs := make([]string, len(it.view.Docs))
	for i, d := range it.view.Docs {
		docs[i] = it.from.docs[d]
	}
	return docs
}

// write has the questioner write a question over the documents of the view. If the remembered
// questions do not fit beside the documents, the oldest are not shown.
func (it *item) write([]play.Reply) ([]play.Ask, error) {
	g := it.game
	docs := it.shownDocs()
	for shown := it.view.Examples; ; shown = shown[1:] {
		prefix, suffix := g.Prompts.Questioner(it.Task, docs, shown, it.drawn)
		prompt, fits, err := g.encode(prefix, suffix, g.Config.MaxQuestion)
		if err != nil {
			return nil, err
		}
		if fits || len(shown) == 0 {
			it.shown = len(shown)
			return it.then(it.read, it.ask(stageAsk, it.place, prompt, 1, g.Config.MaxQuestion))
		}
	}
}

// read reads the question.
func (it *item) read(replies []play.Reply) ([]play.Ask, error) {
	g := it.game
	it.done = stages[stageAsk].done
	it.asked = rl.SampleOf(replies[0], 0)
	it.question, it.verdict = g.Prompts.ParseQuestion(it.Task, it.asked.Text,
		func(s string) int { return len(g.Chat.Tok.Encode(s)) })
	switch it.verdict {
	case task.OK:
		if it.Task.NeedsLetter() {
			it.question = it.question.WithRight(it.drawn.Letter)
		}
		if it.repeated = g.askedBefore(it); it.repeated {
			return it.end()
		}
		return it.ground()
	case task.BadFormat:
		it.outcome = reward.BadFormat
	}
	return it.end()
}

// pose has a question that is there answered, unless the step has asked it already.
func (it *item) pose([]play.Reply) ([]play.Ask, error) {
	if it.repeated = it.game.askedBefore(it); it.repeated {
		return it.end()
	}
	return it.respond()
}

// ground asks for answers without any document.
func (it *item) ground() ([]play.Ask, error) {
	g := it.game
	test := &g.Config.Grounding
	if !it.fixed && (test.Stated && !it.Task.NeedsLetter() && states(it.question.Text, it.question.Answer) ||
		test.Names && !namesAre(it.question.Text, it.shownDocs())) {
		it.outcome = reward.Ungrounded
		return it.end()
	}
	samples, _ := test.of(it.Task)
	if samples == 0 {
		return it.respond()
	}
	prefix, suffix := g.Prompts.Responder(it.Task, nil, it.question)
	prompt, fits, err := g.encode(prefix, suffix, g.Config.MaxAnswer)
	if !fits {
		it.tooLong = true
		return nil, err
	}
	return it.then(it.grounded, it.ask(stageGround, it.place, prompt, samples, g.Config.MaxAnswer))
}

// grounded discards the question if enough answers without any document are right, and has it answered if not.
func (it *item) grounded(replies []play.Reply) ([]play.Ask, error) {
	g := it.game
	it.done = stages[stageGround].done
	known := 0
	for k := range replies[0].Outputs {
		s := rl.SampleOf(replies[0], k)
		it.grounding = append(it.grounding, &s)
		p, ok := g.Prompts.ExtractAnswer(it.Task, s.Text)
		if ok && g.Config.Reward.Rule(it.Task, p, it.question.Answer) {
			known++
		}
	}
	if _, right := g.Config.Grounding.of(it.Task); known >= right {
		it.outcome = reward.Ungrounded
		return it.end()
	}
	return it.respond()
}

// respond has the question answered over all documents of its cluster.
func (it *item) respond() ([]play.Ask, error) {
	g := it.game
	prefix, suffix := g.Prompts.Responder(it.Task, it.from.docs, it.question)
	prompt, fits, err := g.encode(prefix, suffix, g.Config.MaxAnswer)
	if !fits {
		it.tooLong = true
		return nil, err
	}
	n := it.wants
	if n == 0 {
		n = g.Config.Answers
	}
	return it.then(it.answered, it.ask(stageRespond, it.place, prompt, n, g.Config.MaxAnswer))
}

// answered reads the answers, checks them by rule and puts those that can be read to the vote.
func (it *item) answered(replies []play.Reply) ([]play.Ask, error) {
	g := it.game
	it.done = stages[stageRespond].done
	r := replies[0]
	it.prompt = r.Forest
	var voted []*answer
	var asks []play.Ask
	for k := range r.Outputs {
		a := &answer{Sample: rl.SampleOf(r, k)}
		a.prediction, a.extracted = g.Prompts.ExtractAnswer(it.Task, a.Text)
		a.rule = a.extracted && g.Config.Reward.Rule(it.Task, a.prediction, it.question.Answer)
		it.answers = append(it.answers, a)
		if a.like = it.alike(voted, a); a.like != nil {
			continue
		}
		ask, ok, err := it.verify(a, it.place*g.Config.Answers+k)
		if err != nil {
			return nil, err
		}
		if ok {
			voted, asks = append(voted, a), append(asks, ask)
		}
	}
	return it.then(func(replies []play.Reply) ([]play.Ask, error) { return it.voted(voted, replies) }, asks...)
}

// alike returns the answer among those voted on that reads as a does, if answers share their votes.
func (it *item) alike(voted []*answer, a *answer) *answer {
	if i := slices.IndexFunc(voted, func(b *answer) bool {
		return it.game.Config.ShareVotes && a.extracted && a.prediction == b.prediction
	}); i >= 0 {
		return voted[i]
	}
	return nil
}

// verify has the verifier vote on an answer that could be extracted.
func (it *item) verify(a *answer, number int) (ask play.Ask, ok bool, err error) {
	g, c := it.game, &it.game.Config
	if !a.extracted || c.Votes == 0 || it.aside() || !slices.Contains(c.VotedTasks, it.Task) {
		return ask, false, nil
	}
	prompt, fits, err := g.encode("", g.Prompts.Verifier(it.question, a.prediction, it.question.Answer), c.MaxVote)
	if !fits {
		return ask, false, err
	}
	ask = it.ask(stageVerify, number, prompt, c.Votes, c.MaxVote)
	if c.EarlyVotes {
		var cast reward.Tally
		ask.StopEarly = func(text string) bool {
			cast.Add(g.Prompts.ParseVote(text))
			_, settled := cast.Settled(c.Votes)
			return settled
		}
	}
	return ask, true, nil
}

// voted reads the votes on answers.
func (it *item) voted(answers []*answer, replies []play.Reply) ([]play.Ask, error) {
	it.done = stages[stageVerify].done
	for i, r := range replies {
		a := answers[i]
		a.ballot = r.Forest
		for k := range r.Outputs {
			v := &vote{Sample: rl.SampleOf(r, k)}
			v.vote = it.game.Prompts.ParseVote(v.Text)
			a.votes = append(a.votes, v)
		}
	}
	for _, a := range it.answers {
		if a.like != nil {
			a.votes = a.like.votes
		}
	}
	return it.end()
}

// good reports whether some answers to a question are right and some wrong.
func (it *item) good() bool {
	return it.alive() && curriculum.Informative(it.points, it.most()) && !it.dropped()
}

// dropped reports whether the answers to a question are not to be learned from, since they contradict its
// reference.
func (it *item) dropped() bool { return it.contradicted && it.game.Config.DropContradicted }

// most returns the points that the answers earn at most.
func (it *item) most() int { return reward.MaxPoints * len(it.answers) }

// alive reports whether a question is still to be worked on.
func (it *item) alive() bool {
	return it.verdict == task.OK && it.outcome == reward.Answered && !it.tooLong && !it.repeated && it.failed == nil
}

// judged reports whether a question has a reward; those that were skipped have none, whatever the reason.
func (it *item) judged() bool {
	return it.verdict != task.Skip && !it.tooLong && !it.repeated && it.failed == nil
}
