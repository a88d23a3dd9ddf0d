package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"

	"spell/kernels/cpu"
	"spell/model"
)

// A curve is the losses of both engines, by step.
type curve struct {
	Peer         string
	Ours, Theirs []float64
}

// apart is the largest difference and its step, or the first that is not a number.
func (c *curve) apart() (off float64, step int) {
	for i := range c.Ours {
		if d := math.Abs(c.Ours[i] - c.Theirs[i]); !math.IsNaN(off) && !(d <= off) {
			off, step = d, i
		}
	}
	return off, step
}

// allowed is how far the losses may be apart.
const allowed = 1e-3

// compareLosses trains the first model of o from the same weights on
// the same batches, each of its own, in both engines.
func compareLosses(out io.Writer, o options) error {
	s, threads := o.sizes[0], slices.Max(o.threads)
	runtime.GOMAXPROCS(threads)
	k, err := cpu.New(cpu.Options{Workers: threads})
	if err != nil {
		return err
	}
	defer k.Close()
	batches := source(s.config.Vocab, o.loss, s.batch, sequence)
	m, err := fresh(k, s.config, model.F32, batches)
	if err != nil {
		return err
	}
	defer m.free()
	p, err := peerOf(k, s, threads, batches, o.python)
	if err != nil {
		return err
	}
	defer p.close()
	c := curve{Peer: p.about}
	for range o.loss {
		_, a, err := m.step()
		if err != nil {
			return err
		}
		_, b, err := p.step()
		if err != nil {
			return err
		}
		c.Ours, c.Theirs = append(c.Ours, a), append(c.Theirs, b)
	}
	if o.json {
		if err := json.NewEncoder(out).Encode(c); err != nil {
			return err
		}
	} else {
		c.write(out, s)
	}
	if off, step := c.apart(); !(off <= allowed) {
		return fmt.Errorf("the losses are %.2g apart at step %d; %g is allowed", off, step+1, allowed)
	}
	return nil
}

// write prints ten steps of the curves.
func (c *curve) write(w io.Writer, s size) {
	fmt.Fprintf(w, "Losses of the %s model in f32, batches of %d sequences of %d tokens. Peer: %s.\n\n",
		s.title, s.batch, sequence, c.Peer)
	fmt.Fprintln(w, "| step | ours | PyTorch |\n|---|---|---|")
	n := len(c.Ours)
	for i := range n {
		if i == 0 || i == n-1 || (i+1)%max(n/10, 1) == 0 {
			fmt.Fprintf(w, "| %d | %.5f | %.5f |\n", i+1, c.Ours[i], c.Theirs[i])
		}
	}
	off, step := c.apart()
	fmt.Fprintf(w, "\nThe largest difference is %.2g, at step %d.\n", off, step+1)
}
