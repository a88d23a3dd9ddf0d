package sft

import (
	"context"
	"encoding/binary"
	"fmt"

	"spell/model/forest"
	"spell/tensor/rng"
)

// sizes are the most tokens of a line and of a unit. They are chosen when a run begins and are part of
// its state, so that a run that goes on with smaller passes learns the same batches.
type sizes struct {
	Line int `json:"line"`
	Unit int `json:"unit"`
}

// sizesOf returns those of a run that begins, on a model of that context.
func sizesOf(c *Config, context int) sizes {
	s := sizes{Line: c.PassTokens, Unit: c.PassTokens}
	if context > 0 {
		s.Line = min(s.Line, context)
	}
	if c.MaxTokens > 0 {
		s.Line = min(s.Line, c.MaxTokens)
	}
	return s
}

// A unit is lines that go through the model together because they begin alike: a forest of one
// tree, or of more if a line has several paths. What the lines begin with is its first root, and
// their replies are branches.
type unit struct {
	forest  forest.Forest
	lines   int
	learned int // tokens that are scored
}

// add makes a line's paths branches of the unit. The first path begins with the unit's root.
func (u *unit) add(paths []path) {
	for i, p := range paths {
		at := 0
		if i > 0 || len(u.forest) == 0 || u.forest[0].Scored { // a reply that is a root has nothing before it
			at = u.forest.Chain(-1, p[0].ids)
		}
		for _, x := range p[1:] {
			if !x.reply {
				at = u.forest.Chain(at, x.ids)
				continue
			}
			u.learned += len(x.ids)
			if at < 0 { // the first token of all has nothing to be predicted from
				u.learned--
			}
			at = u.forest.Add(at, x.ids, true)
		}
	}
	u.lines++
}

// data is what a file has to teach a model.
type data struct {
	train, heldOut []unit
	prompts        int   // different ones in all
	skipped        []int // numbers of lines that are too long
	cut            int   // lines whose end is cut off
}

// count returns the sums of the lines of units, their tokens, and the tokens that are scored.
func count(units []unit) (lines, tokens, learned int) {
	for _, u := range units {
		lines, tokens, learned = lines+u.lines, tokens+u.forest.Tokens(), learned+u.learned
	}
	return
}

// prepare encodes a file and divides it. Lines that begin with the same tokens are one group, which
// is held out as a whole or not, and has as many units as keep each to the lines of an update and
// the tokens of a pass.
func prepare(ctx context.Context, c Config, f *File, e *encoder, vocab, context int, s sizes) (*data, error) {
	most := s.Line
	d := &data{}
	var groups [][]unit
	number := map[string]int{} // of the group that begins so
	for _, l := range f.Lines {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		paths, err := e.paths(l)
		if err == nil {
			paths, err = d.fit(c, l, paths, most, context)
		}
		if err != nil {
			return nil, f.at(l.Number, err)
		}
		if len(paths) == 0 {
			continue
		}
		key := string(bytesOf(paths[0][0].ids))
		g, ok := number[key]
		if !ok {
			g = len(groups)
			number[key], groups = g, append(groups, nil)
		}
		n := 0
		for _, p := range paths {
			n += p.tokens()
		}
		last := len(groups[g]) - 1
		if last < 0 || groups[g][last].lines >= c.Batch || groups[g][last].forest.Tokens()+n > s.Unit {
			groups[g], last = append(groups[g], unit{}), last+1
		}
		groups[g][last].add(paths)
	}
	if d.prompts = len(groups); d.prompts == 0 {
		return nil, fmt.Errorf("%s has no line of at most %d tokens; raise max_tokens or pass_tokens "+
			"as far as the model's context of %d allows, or shorten them", f.Path, most, context)
	}
	lines := make([]int, len(groups))
	for g, units := range groups {
		lines[g], _, _ = count(units)
	}
	held := holdOut(c.Seed, c.HeldOut, lines)
	for g, units := range groups {
		for _, u := range units {
			if err := u.forest.Validate(vocab, context); err != nil {
				return nil, fmt.Errorf("%s does not fit the model: %w", f.Path, err)
			}
		}
		if held[g] {
			d.heldOut = append(d.heldOut, units...)
		} else {
			d.train = append(d.train, units...)
		}
	}
	return d, nil
}

// fit does to a line of more than most tokens what the configuration says: it returns the paths
// cut, none, or an error.
func (d *data) fit(c Config, l Line, paths []path, most, context int) ([]path, error) {
	longest := 0
	for _, p := range paths {
		longest = max(longest, p.tokens())
	}
	if longest <= most {
		return paths, nil
	}
	var kept []path
	switch c.Long {
	case "refuse":
		mend := `shorten it, or set "long" to "skip" or "cut" in --config`
		if most < context || context == 0 {
			field := "pass_tokens"
			if most == c.MaxTokens {
				field = "max_tokens"
			}
			mend = "raise " + field + ", " + mend
		}
		return nil, fmt.Errorf("prompt and answer have %d tokens and there is room for %d: %s", longest, most, mend)
	case "cut":
		for _, p := range paths {
			if p = p.cut(most); len(p) > 0 {
				kept = append(kept, p)
			}
		}
	}
	if len(kept) == 0 {
		d.skipped = append(d.skipped, l.Number)
	} else {
		d.cut++
	}
	return kept, nil
}

func bytesOf(ids []int32) []byte {
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return b
}

// A batch is the units of one update.
type batch struct {
	epoch int // from 1
	units []int
}

// maxUpdates is the most updates of a run, all of which are in memory.
const maxUpdates = 1 << 24

// plan returns the updates of all epochs. In each the units stand in another order, and an update
// takes them until it has enough lines; the last one of an epoch may have fewer. More than maxUpdates
// are refused, before there are many.
func plan(ctx context.Context, c Config, units []unit) ([]batch, error) {
	var all []batch
	for epoch := range c.Epochs {
		if c.Steps > 0 && len(all) >= c.Steps {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.bounded(len(all), epoch); err != nil {
			return nil, err
		}
		lines := c.Batch
		for _, u := range rng.At(c.Seed, rng.Lines, uint64(epoch), 0, 0).Perm(len(units)) {
			if lines >= c.Batch {
				all, lines = append(all, batch{epoch: epoch + 1}), 0
			}
			b := &all[len(all)-1]
			b.units, lines = append(b.units, u), lines+units[u].lines
		}
	}
	if c.Steps > 0 && c.Steps < len(all) {
		all = all[:c.Steps]
	}
	return all, nil
}

// bounded refuses more updates than a run can have, if so many are those of some epochs.
func (c *Config) bounded(updates, epochs int) error {
	if epochs == 0 {
		return nil
	}
	expected := float64(updates) / float64(epochs) * float64(c.Epochs)
	if c.Steps > 0 {
		expected = min(expected, float64(c.Steps))
	}
	if expected <= maxUpdates && updates <= maxUpdates {
		return nil
	}
	return fmt.Errorf("epochs %d of about %d updates each are more than the %d that a run can have; lower epochs, "+
		"raise batch, or set steps", c.Epochs, updates/epochs, maxUpdates)
}

// largest returns the tokens of the largest unit.
func (d *data) largest() int {
	n := 0
	for _, units := range [][]unit{d.train, d.heldOut} {
		for _, u := range units {
			n = max(n, u.forest.Tokens())
		}
	}
	return n
}

// longest returns the tokens of the longest sequence.
func (d *data) longest() int {
	n := 0
	for _, units := range [][]unit{d.train, d.heldOut} {
		for _, u := range units {
			for i := range u.forest {
				n = max(n, int(u.forest.End(i)))
			}
			if u.lines == 1 { // of which no pass holds a part
				n = max(n, u.forest.Tokens())
			}
		}
	}
	return n
}
