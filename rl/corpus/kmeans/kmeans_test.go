package kmeans

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

const dims = 8

// rowsOf returns n vectors of unit length around as many directions as given, and which each is of.
func rowsOf(n, groups int, noise float64) (*Rows, []int) {
	rng := rand.New(rand.NewPCG(3, 4))
	centres := make([][dims]float64, groups)
	for g := range centres {
		for j := range dims {
			centres[g][j] = rng.NormFloat64()
		}
	}
	var raw []byte
	of := make([]int, n)
	for i := range n {
		of[i] = rng.IntN(groups)
		var v [dims]float64
		length := 0.0
		for j := range v {
			v[j] = centres[of[i]][j] + noise*rng.NormFloat64()
			length += v[j] * v[j]
		}
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x/math.Sqrt(length))))
		}
	}
	return &Rows{File: bytes.NewReader(raw), Dims: dims}, of
}

func clusters(t *testing.T, rows *Rows, n int, o Options) (all [][]Member) {
	t.Helper()
	err := Tree(context.Background(), rows, n, o, func(m []Member) error {
		all = append(all, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTree: every vector is in one cluster of a size that is allowed, with its like, nearest first, whoever works.
func TestTree(t *testing.T) {
	for _, c := range []struct {
		name       string
		n, groups  int
		noise      float64
		pure, size float64
	}{
		{"groups", 3000, 40, 0.02, 0.95, 9},
		{"one group", 900, 1, 0.3, 1, 9},
		{"all alike", 500, 1, 0, 1, 9},
		{"few", 4, 2, 0.1, 0.5, 0},
		{"none", 0, 1, 0, 1, 0},
	} {
		rows, of := rowsOf(c.n, c.groups, c.noise)
		o := Options{Target: 15, Least: 5, Most: 24, Seed: 1}
		got := clusters(t, rows, c.n, o)
		seen, right := map[uint32]bool{}, 0
		for _, members := range got {
			if n := len(members); n > o.Most || n < min(o.Least, c.n) {
				t.Errorf("%s: a cluster of %d", c.name, n)
			}
			counts := map[int]int{}
			most := 0
			for i, m := range members {
				if seen[m.ID] || i > 0 && m.Near > members[i-1].Near || m.Near > 1.0001 {
					t.Errorf("%s: member %+v behind %+v", c.name, m, members[:i])
				}
				seen[m.ID] = true
				counts[of[m.ID]]++
				most = max(most, counts[of[m.ID]])
			}
			right += most
		}
		if len(seen) != c.n || float64(right) < c.pure*float64(c.n) {
			t.Errorf("%s: %d of %d vectors are in clusters, %d with their like", c.name, len(seen), c.n, right)
		}
		if len(got) > 0 && float64(c.n)/float64(len(got)) < c.size {
			t.Errorf("%s: %d clusters of %d vectors", c.name, len(got), c.n)
		}
		o.Workers = 3
		if again := clusters(t, rows, c.n, o); !reflect.DeepEqual(again, got) {
			t.Errorf("%s: three workers find other clusters", c.name)
		}
	}
	if err := Tree(context.Background(), nil, 1, Options{Target: 4, Least: 3, Most: 5}, nil); err == nil {
		t.Error("sizes that cannot be made are taken")
	}
}

func TestStops(t *testing.T) {
	rows, _ := rowsOf(500, 3, 0.1)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := Tree(ctx, rows, 500, Options{Target: 10, Least: 3, Most: 20}, func([]Member) error {
		n++
		cancel()
		return nil
	})
	if err != context.Canceled || n != 1 {
		t.Errorf("%v after %d clusters", err, n)
	}
}
