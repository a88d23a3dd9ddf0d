package runner

import (
	"strings"
	"testing"

	"spell/model"
)

// TestUnbalanced: a model that asks for a loss of its routers is told that there is none, and no
// other.
func TestUnbalanced(t *testing.T) {
	for _, c := range []struct {
		name string
		m    model.Mixture
		want string // part of the note; empty: none
	}{
		{"dense", model.Mixture{AuxLoss: 0.001, RouterLogits: true}, ""},
		{"not asked for", model.Mixture{Experts: 8, AuxLoss: 0.001}, ""},
		{"of no weight", model.Mixture{Experts: 8, RouterLogits: true}, ""},
		{"asked for", model.Mixture{Experts: 8, AuxLoss: 0.001, RouterLogits: true}, "router_aux_loss_coef 0.001"},
	} {
		got := strings.Join(unbalanced(&c.m), "\n")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}
