package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"spell/bench/tool"
)

// A plan is runs to make.
type plan struct {
	*options
	base, documents, commit string
	// train trains in a folder, or goes on there, and returns what the run ended with, if it has ended, but not well.
	train func(ctx context.Context, dir string, seed uint64, set []string) (ended string, err error)
	say   func(format string, args ...any)

	writing sync.Mutex // of results
}

// run makes the runs that have no line, those of a seed after each other so that rows have equally many, several at
// once. A run that meets an error is named and leaves no line, and the others are made.
func (p *plan) run(ctx context.Context) error {
	have, err := tool.Results[result](p.out)
	if err != nil {
		return err
	}
	var pending []key
	for _, seed := range p.seeds {
		for i := range p.rows {
			k := p.key(&p.rows[i], uint64(seed))
			if !slices.ContainsFunc(have, func(r result) bool { return r.is(&k) }) {
				pending = append(pending, k)
			}
		}
	}
	var (
		began  = time.Now()
		late   sync.Once
		mutex  sync.Mutex // of failed
		failed error
		runs   errgroup.Group
	)
	runs.SetLimit(p.atOnce)
	for _, k := range pending {
		runs.Go(func() error {
			switch {
			case ctx.Err() != nil:
			case p.hours > 0 && time.Since(began).Hours() >= p.hours:
				late.Do(func() { p.say("%g hours are over: the rest waits for another call", p.hours) })
			default:
				if err := p.one(ctx, k); err != nil && ctx.Err() == nil {
					mutex.Lock()
					defer mutex.Unlock()
					failed = errors.Join(failed, fmt.Errorf("%s, seed %d: %w", k.Row, k.Seed, err))
				}
			}
			return nil
		})
	}
	runs.Wait()
	return errors.Join(failed, ctx.Err())
}

// key tells the run of a row and a seed.
func (p *plan) key(r *row, seed uint64) key {
	return key{Row: r.name, Seed: seed, Base: p.base, Docs: p.documents, Common: append([]string{}, p.common...),
		Set: append([]string{}, r.set...)}
}

// one makes a run and adds its line. Its folder goes then.
func (p *plan) one(ctx context.Context, k key) error {
	p.say("%s, seed %d", k.Row, k.Seed)
	name, err := json.Marshal(k)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(name)
	dir := filepath.Join(p.dir, fmt.Sprintf("%s-%d-%x", k.Row, k.Seed, sum[:4]))
	ended, err := p.train(ctx, dir, k.Seed, slices.Concat(k.Common, k.Set))
	if err != nil {
		return err
	}
	r := &result{key: k, Commit: p.commit, Ended: ended}
	if err := read(dir, r); err != nil {
		return err
	}
	if err := p.add(r); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// add adds a line to the results.
func (p *plan) add(r *result) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	return tool.Add(p.out, r)
}
