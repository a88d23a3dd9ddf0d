package main

import (
	"fmt"
	"slices"
	"strings"

	"spell/rl/settings"
	"spell/rl/spell"
)

// A row is a way to train, by the settings in which it differs from SPELL.
type row struct {
	name, title string
	set         []string
}

// baseline is the name of the row that others are compared with.
const baseline = "spell"

// rows are SPELL, its baselines and what the paper leaves out of it (tables 2 to 4), and what is our own.
var rows = []row{
	{baseline, "SPELL", nil},
	{"static-base", "RLVR on the base's questions", []string{"static=base", "votes=0"}},
	{"static-truth", "RLVR on true questions", []string{"static=truth", "votes=0"}},
	{"frozen-questioner", "questioner not trained", []string{"role_weights=[0, 1, 1]"}},
	{"no-memory", "no history", []string{"memory_length=0"}},
	{"no-verifier", "no verifier", []string{"votes=0"}},
	{"frozen-verifier", "verifier not trained", []string{"role_weights=[1, 1, 0]"}},
	{"single-judgement", "one vote decides", []string{"judgements=1"}},
	{"no-consistency", "no consistency filter", []string{"verifier_label=majority"}},
	{"sigma-narrow", "σ 0.5/6", []string{"reward.sigma=0.08333333333333333"}},
	{"sigma-wide", "σ 0.5/2", []string{"reward.sigma=0.25"}},
	{"g4", "G 4", []string{"answers=4", "votes=4"}},
	{"g16", "G 16", []string{"answers=16", "votes=16"}},
	{"no-format-penalty", "no format penalty", []string{"reward.bad_format=0"}},
	{"no-grounding", "no grounding filter", []string{"grounding.samples=0"}},
	{"published", "no rule of our own", []string{"reward.contradicted=0", "drop_contradicted=false",
		"grounding.names=false"}},
	{"no-contradicted", "contradicted references as any", []string{"reward.contradicted=0", "drop_contradicted=false"}},
	{"no-names", "names need not be in the documents", []string{"grounding.names=false"}},
}

// named returns the rows of a list of names, all of an empty one.
func named(list string) (all []row, err error) {
	if list == "" {
		return rows, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == strings.TrimSpace(name) })
		if i < 0 {
			var names []string
			for _, r := range rows {
				names = append(names, r.name)
			}
			return nil, fmt.Errorf("-rows %s: %q is none of %s", list, name, strings.Join(names, ", "))
		}
		all = append(all, rows[i])
	}
	return all, nil
}

// config returns the settings of a row over real documents or the generated world, beside those that all rows have.
func (r *row) config(documents bool, common []string) (spell.Config, error) {
	c := spell.Small()
	if documents {
		c = spell.Reader()
	}
	for _, s := range slices.Concat(common, r.set) {
		if err := settings.Set(&c, s); err != nil {
			return c, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", r.name, err)
	}
	return c, nil
}
