package play

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/model/forest"
	"spell/model/rollout"
)

// An engine is a play.Engine that answers asks in any order: next picks which of those at work.
type engine struct {
	next    func(keys []uint64) int
	refuse  error // of Submit
	waiting []submitted
	asked   []uint64 // keys, in the order in which they were answered
}

type submitted struct {
	rollout.Request
	done func(rollout.Result) error
}

func (e *engine) Submit(r rollout.Request, done func(rollout.Result) error) error {
	e.waiting = append(e.waiting, submitted{r, done})
	return e.refuse
}

func (e *engine) Serve(ctx context.Context, begin func() error) error {
	e.waiting = nil
	if err := begin(); err != nil {
		return err
	}
	for len(e.waiting) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		keys := make([]uint64, len(e.waiting))
		for i, s := range e.waiting {
			keys[i] = s.Key
		}
		i := e.next(keys)
		s := e.waiting[i]
		e.waiting = slices.Delete(e.waiting, i, i+1)
		e.asked = append(e.asked, s.Key)
		if err := s.done(sampled(s.Request)); err != nil {
			return err
		}
	}
	return nil
}

// sampled makes outputs of one to three tokens that follow from the key, as an engine with a seed
// does.
func sampled(r rollout.Request) rollout.Result {
	res := rollout.Result{Forest: slices.Clone(r.Prompt)}
	branch := r.Branches[0]
	for k := range branch.N {
		random := rand.New(rand.NewPCG(r.Key, uint64(k)))
		a := rollout.Answer{Finish: rollout.Stop}
		ids := make([]int32, 1+random.IntN(3))
		for i := range ids {
			ids[i] = int32('a' + random.IntN(26))
			a.LogProbs = append(a.LogProbs, -random.Float32())
		}
		if len(ids) == 3 {
			a.Finish = rollout.Length
		}
		a.Segment = res.Forest.Add(branch.Segment, ids, true)
		res.Forest[a.Segment].Temperature = branch.Temperature
		res.Answers = append(res.Answers, a)
		if r.StopEarly != nil && r.StopEarly(ids) {
			break
		}
	}
	return res
}

func first([]uint64) int     { return 0 }
func last(keys []uint64) int { return len(keys) - 1 }
func letters(ids []int32) (s string) {
	for _, id := range ids {
		s += string(rune(id))
	}
	return s
}

func newDriver(e *engine) *Driver { return &Driver{Engine: e, Decode: letters} }

// A talker asks in rounds, some number of asks in each; prompts hold what it was told before.
type talker struct {
	item  int
	asks  []int // per round
	fails int   // the round, from 1, that ends with an error
	stop  func(text string) bool
	round int
	heard []string // replies of each round
	seen  [][]Reply
	log   *[]string
}

func (p *talker) Next(replies []Reply) ([]Ask, error) {
	p.seen = append(p.seen, replies)
	var said []string
	for _, r := range replies {
		for _, o := range r.Outputs {
			said = append(said, o.Text)
		}
	}
	p.heard = append(p.heard, strings.Join(said, " "))
	if p.log != nil {
		*p.log = append(*p.log, fmt.Sprintf("%d:%d", p.item, p.round))
	}
	p.round++
	if p.round == p.fails {
		return []Ask{{Name: "never asked"}}, fmt.Errorf("item %d fails", p.item)
	}
	if p.round > len(p.asks) {
		return nil, nil
	}
	asks := make([]Ask, p.asks[p.round-1])
	for k := range asks {
		name := fmt.Sprintf("round %d/%d", p.round, k)
		prompt := [][]int32{{'p', int32('0' + p.item)}, {}}
		for _, r := range p.heard[len(p.heard)-1] {
			prompt[1] = append(prompt[1], r)
		}
		asks[k] = Ask{Name: name, Doing: fmt.Sprint("doing ", p.round), Key: Key(1, p.item, name), Prompt: prompt,
			N: 2 + k, Max: 3, Sampling: rollout.Sampling{Temperature: 0.5, TopP: 1}, StopEarly: p.stop}
	}
	return asks, nil
}

func (p *talker) Share() float64 { return float64(p.round-1) / float64(len(p.asks)) }

// talkers are items of different shapes.
func talkers() []*talker {
	return []*talker{{asks: []int{1, 3, 2}}, {item: 1}, {item: 2, asks: []int{4}}, {item: 3, asks: []int{1, 1, 1, 1}},
		{item: 4, asks: []int{2, 2}}}
}

func players(items []*talker) []Player {
	out := make([]Player, len(items))
	for i, p := range items {
		out[i] = p
	}
	return out
}

// TestRounds: a round of an item is given all replies to it, in the order in which it asked,
// whichever the engine answers first, so that what items see is the same in any order.
func TestRounds(t *testing.T) {
	var want [][]string
	random := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func([]uint64) int{"first": first, "last": last,
		"any": func(keys []uint64) int { return random.IntN(len(keys)) }} {
		for range 5 {
			items := talkers()
			errs, err := newDriver(&engine{next: next}).Play(context.Background(), players(items))
			if err != nil || !reflect.DeepEqual(errs, make([]error, len(items))) {
				t.Fatal(errs, err)
			}
			var heard [][]string
			for _, p := range items {
				heard = append(heard, p.heard)
				if len(p.seen) != len(p.asks)+1 || p.seen[0] != nil {
					t.Fatalf("%s: item %d was asked to go on %d times, first with %v", name, p.item, len(p.seen),
						p.seen[0])
				}
				for round, n := range p.asks {
					checkReplies(t, p, round, n)
				}
			}
			if want == nil {
				want = heard
			}
			if !reflect.DeepEqual(heard, want) {
				t.Errorf("%s: items heard\n%q, want\n%q", name, heard, want)
			}
		}
	}
	errs, err := newDriver(&engine{next: first}).Play(context.Background(), nil)
	if len(errs) != 0 || err != nil {
		t.Errorf("no items give %v, %v", errs, err)
	}
}

// checkReplies looks at the replies of a round, which asked n things.
func checkReplies(t *testing.T, p *talker, round, n int) {
	t.Helper()
	replies := p.seen[round+1]
	if len(replies) != n {
		t.Fatalf("item %d had %d replies to %d asks", p.item, len(replies), n)
	}
	for k, r := range replies {
		if len(r.Outputs) != 2+k {
			t.Errorf("item %d: reply %d has %d outputs", p.item, k, len(r.Outputs))
		}
		key := Key(1, p.item, fmt.Sprintf("round %d/%d", round+1, k))
		var at forest.Forest
		leaf := at.Chain(-1, []int32{'p'})
		want := sampled(rollout.Request{Key: key, Prompt: at, Branches: []rollout.Branch{{Segment: leaf, N: 2 + k}}})
		for i, o := range r.Outputs {
			s := r.Forest[o.Segment]
			if o.Text != letters(want.Forest[want.Answers[i].Segment].Tokens) || letters(s.Tokens) != o.Text ||
				!s.Scored ||
				s.Temperature != 0.5 || !slices.Equal(o.LogProbs, want.Answers[i].LogProbs) ||
				o.Finish != want.Answers[i].Finish {
				t.Errorf("item %d, ask %d, output %d is %+v of %+v", p.item, k, i, o, s)
			}
			prompt := ""
			for _, a := range r.Forest.Path(int(s.Parent)) {
				prompt += letters(r.Forest[a].Tokens)
			}
			if want := fmt.Sprintf("p%d", p.item) + p.heard[round]; prompt != want {
				t.Errorf("item %d, ask %d continues %q, want %q", p.item, k, prompt, want)
			}
		}
	}
}

// TestItemsDoNotWait: an item goes through all its rounds while another still waits for its first
// reply.
func TestItemsDoNotWait(t *testing.T) {
	var log []string
	items := []*talker{{asks: []int{2}, log: &log}, {item: 1, asks: []int{1, 2, 1}, log: &log}}
	slow := []uint64{Key(1, 0, "round 1/0"), Key(1, 0, "round 1/1")}
	e := &engine{next: func(keys []uint64) int {
		return max(0, slices.IndexFunc(keys, func(k uint64) bool { return !slices.Contains(slow, k) }))
	}}
	if _, err := newDriver(e).Play(context.Background(), players(items)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, " "); got != "0:0 1:0 1:1 1:2 1:3 0:1" {
		t.Errorf("items went on in the order %s", got)
	}
}

// TestErrors: an item that meets an error ends alone; what is no item's ends the play.
func TestErrors(t *testing.T) {
	for round := 1; round <= 4; round++ {
		items := talkers()
		items[0].fails = round
		errs, err := newDriver(&engine{next: last}).Play(context.Background(), players(items))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range items {
			if i == 0 {
				if errs[i] == nil || errs[i].Error() != "item 0 fails" || p.round != round {
					t.Errorf("the item that fails in round %d goes to round %d with %v", round, p.round, errs[i])
				}
			} else if errs[i] != nil || p.round != len(p.asks)+1 {
				t.Errorf("item %d ends in round %d with %v", i, p.round, errs[i])
			}
		}
	}
	refused := errors.New("too long")
	errs, err := newDriver(&engine{next: first, refuse: refused}).Play(context.Background(), players(talkers()))
	if errs != nil || !errors.Is(err, refused) || !strings.Contains(err.Error(), "round 1/0") {
		t.Errorf("an ask that the engine refuses gives %v, %v", errs, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	e := &engine{next: func([]uint64) int {
		if n++; n == 3 {
			cancel()
		}
		return 0
	}}
	if errs, err := newDriver(e).Play(ctx, players(talkers())); errs != nil || !errors.Is(err, context.Canceled) ||
		n != 3 {
		t.Errorf("cancelled: %v, %v after %d replies", errs, err, n)
	}
}

// A once is a player of one round.
type once []Ask

func (p *once) Next(replies []Reply) ([]Ask, error) {
	asks := *p
	*p = nil
	return asks, nil
}

// TestKeys: two asks under one key would be one sample; they are an error that names both.
func TestKeys(t *testing.T) {
	ask := func(name string, key uint64) Ask {
		return Ask{Name: name, Key: key, Prompt: [][]int32{{1}}, N: 1, Max: 3}
	}
	for name, tt := range map[string]struct {
		items []Player
		say   []string
	}{
		"in an item":    {[]Player{&once{ask("a", 7), ask("b", 8), ask("c", 7)}}, []string{"0/a", "0/c", "key 7"}},
		"between items": {[]Player{&once{ask("a", 7)}, &once{ask("a", 9)}, &once{ask("b", 7)}}, []string{"0/a", "2/b"}},
		"none":          {[]Player{&once{ask("a", 7)}, &once{ask("a", 8)}}, nil},
	} {
		d := newDriver(&engine{next: first})
		for range 2 { // the keys of a play are its own
			items := make([]Player, len(tt.items))
			for i, p := range tt.items {
				asks := slices.Clone(*p.(*once))
				items[i] = (*once)(&asks)
			}
			_, err := d.Play(context.Background(), items)
			if (err != nil) != (tt.say != nil) {
				t.Errorf("%s: error %v", name, err)
			}
			for _, s := range tt.say {
				if err != nil && !strings.Contains(err.Error(), s) {
					t.Errorf("%s: error %v lacks %q", name, err, s)
				}
			}
		}
	}
	seen := map[uint64]string{}
	for step := range uint64(3) {
		for item := range 3 {
			for _, name := range []string{"", "a", "a/1", "a/11", "b"} {
				k, id := Key(step, item, name), fmt.Sprint(step, item, name)
				if seen[k] != "" || Key(step, item, name) != k {
					t.Errorf("%s has the key of %s, or another each time", id, seen[k])
				}
				seen[k] = id
			}
		}
	}
	if k, want := Key(1, 2, "verify/3"), uint64(0xe7d3e618cc99ef92); k != want {
		t.Errorf("a key is %#x, want %#x: runs that go on would sample anew", k, want)
	}
}

// TestProgress: the share of the work that is done never falls, and what is done is that of the
// asks at work which were first asked.
func TestProgress(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, next := range map[string]func([]uint64) int{"first": first, "last": last,
		"any": func(keys []uint64) int { return random.IntN(len(keys)) }} {
		d := newDriver(&engine{next: next})
		share, told := 0.0, map[string]int{}
		d.OnProgress = func(doing string, s float64) {
			if !(s >= share && s <= 1) {
				t.Errorf("%s: the share goes from %g to %g", name, share, s)
			}
			share = s
			told[doing]++
		}
		unmeasured := once{{Name: "a", Doing: "doing 1", Key: 7, Prompt: [][]int32{{1}}, N: 1, Max: 3}}
		if _, err := d.Play(context.Background(), append(players(talkers()), &unmeasured)); err != nil {
			t.Fatal(err)
		}
		if share < 0.7 || told["doing 1"] == 0 || told[""] > 0 || name == "first" && told["doing 2"] == 0 {
			t.Errorf("%s: told %v up to %g", name, told, share)
		}
	}
}
