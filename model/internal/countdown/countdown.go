// Package countdown cancels computations at each place where they look whether they are to end.
package countdown

import "context"

// New returns a context that counts as cancelled once it was asked n times.
func New(ctx context.Context, n int) context.Context { return &countdown{ctx, n} }

type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}
