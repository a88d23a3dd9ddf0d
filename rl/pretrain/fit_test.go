package pretrain

import (
	"fmt"
	"strings"
	"testing"

	"spell/kernels/cpu"
	"spell/model"
)

// TestFit: a recipe that does not fit is refused with the largest pass that would.
func TestFit(t *testing.T) {
	b, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := World()
	need := func(tokens int) int {
		c := r
		c.PassTokens = tokens
		n, err := c.need(b, model.F32)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	all := need(r.PassTokens)
	for _, enough := range []int{0, all} {
		if err := r.Fit(b, model.F32, int64(enough)); err != nil {
			t.Errorf("%d bytes: %v", enough, err)
		}
	}
	available := all - 16<<20
	err = r.Fit(b, model.F32, int64(available))
	if err == nil {
		t.Fatalf("%d of %d bytes are enough", available, all)
	}
	n := 0
	_, rest, _ := strings.Cut(err.Error(), "it would fit with pass_tokens ")
	fmt.Sscan(rest, &n)
	if n < 64 || n >= r.PassTokens || need(n) > available || need(n+1) <= available {
		t.Errorf("%v, of %d", err, available)
	}
	less := r
	less.Moments = model.Int8Moments
	if available, err = less.need(b, model.F32); err != nil {
		t.Fatal(err)
	}
	if err := less.Fit(b, model.F32, int64(available)); err != nil {
		t.Error(err)
	}
	if err := r.Fit(b, model.F32, int64(available)); err == nil || !strings.HasSuffix(err.Error(), " or moments int8") {
		t.Errorf("%v", err)
	}
	if err := r.Fit(b, model.F32, 1<<20); err == nil || !strings.Contains(err.Error(), "smaller model") {
		t.Errorf("%v", err)
	}
}
