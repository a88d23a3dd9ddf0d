package play

import (
	"context"
	"fmt"

	"spell/model/forest"
	"spell/model/rollout"
)

// An Engine samples: a rollout.Engine.
type Engine interface {
	Serve(ctx context.Context, begin func() error) error
	Submit(r rollout.Request, done func(rollout.Result) error) error
}

// A Driver plays items in an engine.
type Driver struct {
	Engine Engine
	Decode func(ids []int32) string // the text of an output

	// OnProgress, if set, is told after every round of an item what is being done and the share of
	// all items' work that is done, from 0 to 1.
	OnProgress func(doing string, share float64)

	items []*item
	open  []open // asks at work by what they do, in the order in which each was first asked
	keys  map[uint64]string
	kept  Kept
}

// open counts the asks at work of one kind.
type open struct {
	doing string
	n     int
}

// item is a player at play.
type item struct {
	player  Player
	number  int
	replies []Reply // to what it last asked
	waiting int     // replies to come
	ended   bool
	err     error
}

// Play plays the items to their ends. It returns an error per item, most of them nil, or the one
// error that ended the play: the context's, or the engine's.
func (d *Driver) Play(ctx context.Context, players []Player) ([]error, error) {
	d.items, d.open, d.keys = make([]*item, len(players)), nil, map[uint64]string{}
	for i, p := range players {
		d.items[i] = &item{player: p, number: i}
	}
	err := d.Engine.Serve(ctx, func() error {
		for _, it := range d.items {
			if err := d.advance(it); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(players))
	for i, it := range d.items {
		errs[i] = it.err
	}
	return errs, nil
}

// advance gives an item the replies it waited for and submits what it asks next.
func (d *Driver) advance(it *item) error {
	asks, err := it.player.Next(it.replies)
	it.replies, it.waiting = make([]Reply, len(asks)), len(asks)
	if err != nil || len(asks) == 0 {
		it.ended, it.err = true, err
		return nil
	}
	for k := range asks {
		if err := d.submit(it, k, &asks[k]); err != nil {
			return fmt.Errorf("%s: %w", asks[k].Name, err)
		}
	}
	return nil
}

// submit hands ask k of an item to the engine, or answers it with what was kept.
func (d *Driver) submit(it *item, k int, a *Ask) error {
	name := fmt.Sprintf("%d/%s", it.number, a.Name)
	if other, twice := d.keys[a.Key]; twice {
		return fmt.Errorf("the asks %s and %s have the same key %d", other, name, a.Key)
	}
	d.keys[a.Key] = name
	if r, ok := d.kept.reply(a); ok {
		return d.receive(it, k, r)
	}
	var f forest.Forest
	at := f.Chain(-1, a.Prompt...)
	req := rollout.Request{Prompt: f, Key: a.Key,
		Branches: []rollout.Branch{{Segment: at, N: a.N, MaxTokens: a.Max, Sampling: a.Sampling}}}
	if a.StopEarly != nil {
		req.StopEarly = func(ids []int32) bool { return a.StopEarly(d.Decode(ids)) }
	}
	kind := d.kind(a.Doing)
	d.open[kind].n++
	return d.Engine.Submit(req, func(r rollout.Result) error {
		d.open[kind].n--
		d.kept.keep(a, r)
		return d.receive(it, k, r)
	})
}

// kind returns the place of what an ask does in d.open.
func (d *Driver) kind(doing string) int {
	for i := range d.open {
		if d.open[i].doing == doing {
			return i
		}
	}
	d.open = append(d.open, open{doing: doing})
	return len(d.open) - 1
}

// receive takes the reply to ask k of an item, which goes on after the last.
func (d *Driver) receive(it *item, k int, r rollout.Result) error {
	reply := &it.replies[k]
	reply.Forest = r.Forest
	for _, a := range r.Answers {
		reply.Outputs = append(reply.Outputs, Output{Segment: a.Segment, LogProbs: a.LogProbs, Finish: a.Finish,
			Text: d.Decode(r.Forest[a.Segment].Tokens)})
	}
	it.waiting--
	if it.waiting > 0 {
		return nil
	}
	err := d.advance(it)
	d.progress()
	return err
}

// progress tells what is being done first of all that is, and how much of the play is done.
func (d *Driver) progress() {
	if d.OnProgress == nil {
		return
	}
	done := 0.0
	for _, it := range d.items {
		if m, ok := it.player.(Measured); it.ended {
			done++
		} else if ok {
			done += m.Share()
		}
	}
	for _, o := range d.open {
		if o.n > 0 {
			d.OnProgress(o.doing, done/float64(len(d.items)))
			return
		}
	}
}
