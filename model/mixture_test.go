package model

import (
	"strings"
	"testing"
)

// TestMoELayer: which layers are mixtures, as Hugging Face counts them.
func TestMoELayer(t *testing.T) {
	for _, c := range []struct {
		m    Mixture
		want string // of five layers
	}{
		{Mixture{}, "....."},
		{Mixture{Experts: 4, SparseStep: 1}, "MMMMM"},
		{Mixture{Experts: 4, SparseStep: 2}, ".M.M."},
		{Mixture{Experts: 4, SparseStep: 3}, "..M.."},
		{Mixture{Experts: 4, SparseStep: 9}, "....."},
		{Mixture{Experts: 4, SparseStep: 1, DenseLayers: []int{0, 3}}, ".MM.M"},
		{Mixture{Experts: 4, SparseStep: 2, DenseLayers: []int{1, 2}}, "...M."},
	} {
		var got strings.Builder
		for l := range 5 {
			if c.m.MoELayer(l) {
				got.WriteByte('M')
			} else {
				got.WriteByte('.')
			}
		}
		if got.String() != c.want {
			t.Errorf("%+v: %s, want %s", c.m, got.String(), c.want)
		}
	}
}

// TestValidateMixture: an error names the field that no mixture can have.
func TestValidateMixture(t *testing.T) {
	good := families()["qwen3_moe"]
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, edit := range map[string]func(*Config){
		"num_experts":           func(c *Config) { c.Experts = -1 },
		"num_experts is 5000":   func(c *Config) { c.Experts = 5000 },
		"num_experts_per_tok":   func(c *Config) { c.TopK = c.Experts + 1 },
		"per_tok is 0":          func(c *Config) { c.TopK = 0 },
		"moe_intermediate_size": func(c *Config) { c.ExpertFF = 0 },
		"decoder_sparse_step":   func(c *Config) { c.SparseStep = 0 },
		"mlp_only_layers":       func(c *Config) { c.DenseLayers = []int{-1} },
	} {
		c := good
		edit(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestGroupByExpert: each row is in the group of each of its experts, in the order of rows.
func TestGroupByExpert(t *testing.T) {
	for _, c := range []struct {
		ids        []int32
		k, experts int
	}{
		{nil, 2, 3}, {[]int32{0}, 1, 1}, {[]int32{2, 0, 2, 1, 0, 2}, 2, 4}, {[]int32{3, 1, 0, 2, 0, 1, 3, 2, 1}, 3, 4},
	} {
		g := groupByExpert(c.ids, c.k, c.experts)
		at, expert := 0, 0
		for e, end := range g.ends {
			for last := int32(-1); at < int(end); at++ {
				n := g.number[at]
				expert = int(c.ids[n])
				if expert != e || g.row[at] != n/int32(c.k) || g.row[at] <= last || int(g.place[n]) != at {
					t.Errorf("%v: place %d of group %d holds number %d, row %d", c.ids, at, e, n, g.row[at])
				}
				last = g.row[at]
			}
		}
		if at != len(c.ids) {
			t.Errorf("%v: %d places", c.ids, at)
		}
	}
}

// TestExpertLoad: counts of several batches and layers come together.
func TestExpertLoad(t *testing.T) {
	var n expertCounts
	if n.load() != nil {
		t.Error("a load without a mixture")
	}
	n.add(0, 3, nil) // dense
	n.add(1, 3, []int32{1, 1, 4, 4})
	n.add(2, 3, []int32{1, 2, 3, 4})
	n.add(1, 3, []int32{0, 1, 4, 4})
	if got, want := *n.load(), (ExpertLoad{Busiest: 6.0 / 8, Unused: 1, Of: 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
