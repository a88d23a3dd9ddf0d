package embed

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"spell/rl/corpus/term"
)

// texts returns texts of a few topics, each with words of its own.
func texts(n int) (list []string) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var b strings.Builder
		for range 60 {
			fmt.Fprintf(&b, "common%d topic%dword%d ", rng.IntN(40), i%5, rng.IntN(30))
		}
		list = append(list, b.String())
	}
	return list
}

func count(list []string) *term.Counter {
	c := term.NewCounter()
	for _, text := range list {
		c.Add(text)
		c.Next()
	}
	return c
}

// TestFit: the directions hold as much of the sample as those of an exact decomposition do.
func TestFit(t *testing.T) {
	list := texts(120)
	const dims = 6
	s, err := Fit(context.Background(), count(list), dims, 1)
	if err != nil || s.Dims != dims {
		t.Fatal(s.Dims, err)
	}
	dense := mat.NewDense(len(list), term.Dims, nil)
	for i, v := range count(list).Vectors() {
		for d, w := range v.All() {
			dense.Set(i, d, w)
		}
	}
	var svd mat.SVD
	if !svd.Factorize(dense, mat.SVDNone) {
		t.Fatal("no decomposition")
	}
	want := 0.0
	for _, x := range svd.Values(nil)[:dims] {
		want += x * x
	}
	axes := mat.NewDense(term.Dims, dims, nil)
	for i := range term.Dims {
		for j := range dims {
			axes.Set(i, j, float64(s.axes[i*dims+j]))
		}
	}
	var on mat.Dense
	on.Mul(dense, axes)
	if got := math.Pow(mat.Norm(&on, 2), 2); math.Abs(got-want) > 1e-3*want {
		t.Errorf("the directions hold %g of the sample, the best ones %g", got, want)
	}
}

// TestEmbed: texts of a topic are nearer to each other than to others, also those that are not in the sample,
// and a space that was written is the same.
func TestEmbed(t *testing.T) {
	list := texts(200)
	s, err := Fit(context.Background(), count(list[:100]), 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := &Space{}
	if err := again.UnmarshalBinary(raw); err != nil || !reflect.DeepEqual(again, s) {
		t.Fatal("a space that was written differs", err)
	}
	if err := again.UnmarshalBinary(raw[:len(raw)-1]); err == nil {
		t.Error("a space that was cut is read")
	}
	c := term.NewCounter()
	vector := func(text string) []float32 {
		v := make([]float32, s.Dims)
		c.Add(text)
		s.Embed(c, v)
		return v
	}
	cosine := func(a, b []float32) (sum float64) {
		for i := range a {
			sum += float64(a[i] * b[i])
		}
		return sum
	}
	for i := 100; i < 110; i++ {
		v := vector(list[i])
		if n := cosine(v, v); math.Abs(n-1) > 1e-5 {
			t.Errorf("a vector of length² %g", n)
		}
		for j := 110; j < 130; j++ {
			near := cosine(v, vector(list[j]))
			if alike := i%5 == j%5; alike && near < 0.8 || !alike && near > 0.7 {
				t.Errorf("texts of topics %d and %d: %.2f", i%5, j%5, near)
			}
		}
	}
	if v := vector("nothing known here"); cosine(v, v) > 1.001 {
		t.Errorf("unknown words: %v", v)
	}
	if v := vector("—"); cosine(v, v) != 0 {
		t.Errorf("no words: %v", v)
	}
	if _, err := Fit(context.Background(), count(nil), 8, 1); err == nil {
		t.Error("a sample of nothing has directions")
	}
}
