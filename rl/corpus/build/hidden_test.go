package build

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A topical Embedder counts the topics of a text, in vectors that are mostly the same.
type topical struct{ calls int }

func (*topical) Dims() int   { return len(topics) + 2 }
func (*topical) Free() error { return nil }

func (e *topical) Means(ctx context.Context, texts []string, out []float32) error {
	if e.calls++; ctx.Err() != nil {
		return ctx.Err()
	}
	for i, text := range texts {
		row := out[i*e.Dims():][:e.Dims()]
		row[0], row[1] = 1000, float32(len(text)%7)/100
		for k, topic := range topics {
			row[2+k] = float32(strings.Count(text, topic)) / float32(len(text))
		}
	}
	return nil
}

// reader returns a model of topics.
func reader() *Model {
	return &Model{Origin: Origin{Path: "some/model", Hash: "1", Precision: "f32"},
		Open: func(context.Context) (Embedder, error) { return &topical{}, nil }}
}

// TestModel: clusters follow the vectors of a model, whatever these have in common; a process that was killed is
// gone on with to the same bytes, and not by another model.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	in, bench := documents(t, dir)
	o := options(in, bench, filepath.Join(dir, "out"))
	o.Model = reader()
	run(t, o)
	want := files(t, o.Out)
	c, _, err := Open(context.Background(), o.Out, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	right, docs := 0, 0
	for _, cl := range c.Clusters {
		of, most := map[string]int{}, 0
		for _, d := range cl.Docs {
			for _, topic := range topics {
				if strings.Contains(d.Text, topic) {
					of[topic]++
					most = max(most, of[topic])
					break
				}
			}
		}
		right, docs = right+most, docs+len(cl.Docs)
	}
	if 100*right < 95*docs {
		t.Errorf("%d of %d documents are in clusters of their topic", right, docs)
	}
	for _, how := range []string{meansFile + " 1", meansFile + " 5"} {
		if err := os.RemoveAll(o.Out); err != nil {
			t.Fatal(err)
		}
		if said := killed(t, dir, how); strings.Contains(said, "ended") {
			t.Fatalf("nothing was killed at %s: %s", how, said)
		}
		other := o
		others := []*Model{nil, {Origin: Origin{"other", "2", "f32"}}, {Origin: Origin{"x", "1", "bf16"}}}
		for _, other.Model = range others {
			_, _, err := Run(context.Background(), other)
			if err == nil || !strings.Contains(err.Error(), "is a corpus of vectors of the model some/model in f32") {
				t.Errorf("another model is taken: %v", err)
			}
		}
		if _, _, err := Run(context.Background(), o); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		alike(t, how, files(t, o.Out), want)
	}
	if err := os.RemoveAll(o.Out); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no such weights")
	o.Model.Open = func(context.Context) (Embedder, error) { return nil, broken }
	if _, _, err := Run(context.Background(), o); !errors.Is(err, broken) {
		t.Errorf("a model that cannot be loaded: %v", err)
	}
}

// TestStandardize: rows are of length 1, in dimensions that vary alike, and one that never varies says nothing.
func TestStandardize(t *testing.T) {
	var raw []byte
	rows := [][]float32{{5, 1000, -1}, {5, 3000, 1}, {5, 1000, 1}, {5, 3000, -1}, {5, 2000, 0}}
	for _, row := range rows {
		for _, x := range row {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	var out strings.Builder
	if err := standardize(context.Background(), strings.NewReader(string(raw)), 3, &out); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 3*len(rows))
	if err := binary.Read(strings.NewReader(out.String()), binary.LittleEndian, got); err != nil {
		t.Fatal(err)
	}
	const h = math.Sqrt2 / 2
	want := []float32{0, -h, -h, 0, h, h, 0, -h, h, 0, h, -h, 0, 0, 0}
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-6 {
			t.Fatal(fmt.Sprint(got), want)
		}
	}
}
