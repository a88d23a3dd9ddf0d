package hidden

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/nano"
	"spell/model/open"
	"spell/tokenizer/chat"
)

// TestMeans: the vector of a text is the mean of its tokens' states, window by window, without those of what
// goes before it, and does not depend on the texts beside it.
func TestMeans(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	if err := nano.Extract(nano.World, dir); err != nil {
		t.Fatal(err)
	}
	b := opentest.CPU(t, 2)
	w, err := open.Load(ctx, b, dir, model.F32, model.Inference)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	text, err := chat.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(b, w, text.Tok)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	m.begin = []int32{1, 2}
	m.size -= len(m.begin)
	texts := []string{"Once upon a time there was a dog.", "", "x", strings.Repeat("The cat sat in the sun. ", 300)}
	dims := m.Dims()
	got := make([]float32, len(texts)*dims)
	if err := m.Means(ctx, texts, got); err != nil {
		t.Fatal(err)
	}
	long := false
	for i, s := range texts {
		ids := text.Tok.Encode(s)
		windows := (len(ids) + m.size - 1) / m.size
		long = long || windows > 2
		want := make([]float64, dims)
		rest := ids
		for n := windows; n > 0; n-- {
			size := (len(rest) + n - 1) / n
			part := rest[:size]
			rest = rest[size:]
			err := m.d.Hidden(ctx, [][]int32{append(slices.Clone(m.begin), part...)}, func(_ int, rows []float32) {
				for j, x := range rows[len(m.begin)*dims:] {
					want[j%dims] += float64(x) / float64(len(ids))
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for j, x := range want {
			if math.Abs(float64(got[i*dims+j])-x) > 1e-5 {
				t.Fatalf("text %d, dimension %d: %g, want %g", i, j, got[i*dims+j], x)
			}
		}
		alone := make([]float32, dims)
		if err := m.Means(ctx, texts[i:i+1], alone); err != nil || !slices.Equal(alone, got[i*dims:(i+1)*dims]) {
			t.Errorf("text %d has another vector alone, %v", i, err)
		}
	}
	if !long {
		t.Error("no text is longer than two windows")
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if err := m.Means(stopped, texts, got); err != context.Canceled {
		t.Errorf("once it is cancelled it says %v", err)
	}
}
