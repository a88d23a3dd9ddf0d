package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"spell/model"
)

// scalingFile is rope_scaling, or rope_parameters, which has the base, too.
type scalingFile struct {
	Theta           *float64 `json:"rope_theta,omitempty"`
	Type            string   `json:"rope_type"`
	OldType         string   `json:"type,omitempty"`
	Factor          float64  `json:"factor"`
	Original        int      `json:"original_max_position_embeddings,omitempty"`
	LowFreq         float64  `json:"low_freq_factor,omitempty"`
	HighFreq        float64  `json:"high_freq_factor,omitempty"`
	BetaFast        *float64 `json:"beta_fast,omitempty"`
	BetaSlow        *float64 `json:"beta_slow,omitempty"`
	Truncate        *bool    `json:"truncate,omitempty"`
	AttentionFactor *float64 `json:"attention_factor,omitempty"`
	MScale          *float64 `json:"mscale,omitempty"`
	MScaleAllDim    *float64 `json:"mscale_all_dim,omitempty"`
	RotaryShare     *float64 `json:"partial_rotary_factor,omitempty"`
	FineTuned       *bool    `json:"finetuned,omitempty"` // true: scaled at every length, as all are here

	keys []string // all that are there and not null, in alphabetical order
}

func (s *scalingFile) UnmarshalJSON(raw []byte) error {
	var there map[string]json.RawMessage
	if err := json.Unmarshal(raw, &there); err != nil {
		return err
	}
	maps.DeleteFunc(there, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	type fields scalingFile // without this method
	*s = scalingFile{}
	if err := json.Unmarshal(raw, (*fields)(s)); err != nil {
		return err
	}
	s.keys = slices.Sorted(maps.Keys(there))
	return nil
}

// scalingKeys are the keys that count for each type of scaling, beside those for all.
var scalingKeys = map[string][]string{
	"default": {},
	"linear":  {"factor"},
	"llama3":  {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"},
	"yarn": {"factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "truncate", "attention_factor",
		"mscale", "mscale_all_dim", "finetuned"},
}

// commonKeys may stand in a scaling block of any type.
var commonKeys = []string{"rope_theta", "rope_type", "type", "partial_rotary_factor"}

// positions sets the position embedding of c. The base and the original context may stand beside
// the block or in it; both blocks may be there if they say the same.
func (f *configFile) positions(c *model.Config, theta float64) error {
	blocks := []struct {
		name string
		s    *scalingFile
	}{{"rope_scaling", f.Scaling}, {"rope_parameters", f.Rope}}
	base := f.Theta
	for _, b := range blocks {
		if b.s == nil || b.s.Theta == nil {
			continue
		}
		if base != nil && *base != *b.s.Theta {
			return fmt.Errorf("rope_theta is %g and, in the scaling of the positions, %g; keep one",
				*base, *b.s.Theta)
		}
		base = b.s.Theta
	}
	c.Rope = model.Rope{Theta: or(base, theta), Type: "default"}
	said := "" // the block that c.Rope is from
	for _, b := range blocks {
		if b.s == nil || slices.Equal(b.s.keys, []string{"rope_theta"}) || len(b.s.keys) == 0 {
			continue
		}
		r, err := b.s.rope(b.name, c.Rope.Theta, f.Original, c.Context)
		if err != nil {
			return err
		}
		if said != "" && r != c.Rope {
			return errors.New("rope_scaling and rope_parameters are both there and differ; remove one")
		}
		c.Rope, said = r, b.name
	}
	if c.Rope.Type == "yarn" { // what was stretched may not say so in the context
		c.Context = max(c.Context, stretched(&c.Rope))
	}
	return nil
}

// stretched returns the context that YaRN makes of the original one, or 0 if it is out of bounds,
// which Validate says.
func stretched(r *model.Rope) int {
	if n := r.Factor * float64(r.Original); n >= 1 && n <= model.MaxContext {
		return int(n)
	}
	return 0
}

// kind returns the type of scaling: "default" if neither a type nor anything about scaling is said,
// empty if only the type is missing.
func (s *scalingFile) kind() string {
	switch {
	case s.Type != "":
		return s.Type
	case s.OldType != "":
		return s.OldType
	case slices.ContainsFunc(s.keys, func(k string) bool { return !slices.Contains(commonKeys, k) }):
		return ""
	}
	return "default"
}

// check refuses what the block of that name says and Rope does not have.
func (s *scalingFile) check(name string) error {
	kind, last := s.kind(), len(model.RopeTypes)-1
	known, ok := scalingKeys[kind]
	switch {
	case slices.Contains(s.keys, full) || slices.Contains(s.keys, sliding):
		return fmt.Errorf("%s has a block for each type of layers, which is not supported; write the one for all of "+
			"them", name)
	case kind == "":
		return fmt.Errorf("%s has no rope_type; it is one of %s", name, strings.Join(model.RopeTypes, ", "))
	case !ok:
		return fmt.Errorf("%s type %.40q is not supported; %s and %s are", name, kind,
			strings.Join(model.RopeTypes[:last], ", "), model.RopeTypes[last])
	case s.Type != "" && s.OldType != "" && s.Type != s.OldType:
		return fmt.Errorf("%s has rope_type %.40q and type %.40q; keep one", name, s.Type, s.OldType)
	case or(s.RotaryShare, 1) != 1:
		return fmt.Errorf("%s has partial_rotary_factor %g, which is not supported; 1 is", name, *s.RotaryShare)
	case !or(s.FineTuned, true):
		return fmt.Errorf("%s has finetuned false, scaling that grows with the text, which is not supported", name)
	case (s.MScale != nil) != (s.MScaleAllDim != nil):
		return fmt.Errorf("%s has one of mscale and mscale_all_dim, which only count together; remove it", name)
	}
	for _, k := range s.keys {
		if !slices.Contains(known, k) && !slices.Contains(commonKeys, k) {
			return fmt.Errorf("%s has %.40q, which scaling of type %s does not take; remove it if the model was made "+
				"without", name, k, kind)
		}
	}
	return nil
}

// rope returns the position embedding that the block of that name makes of a base, a context, and
// the original context if it stands beside the block.
func (s *scalingFile) rope(name string, theta float64, original *int, context int) (model.Rope, error) {
	r := model.Rope{Theta: theta, Type: s.kind()}
	if err := s.check(name); err != nil || r.Type == "default" {
		return r, err
	}
	r.Factor, r.LowFreq, r.HighFreq = s.Factor, s.LowFreq, s.HighFreq
	if r.Type == "yarn" {
		r.BetaFast, r.BetaSlow, r.NoTruncate = or(s.BetaFast, 32), or(s.BetaSlow, 1), !or(s.Truncate, true)
		r.AttentionFactor, r.MScale, r.MScaleAllDim = or(s.AttentionFactor, 0), or(s.MScale, 0), or(s.MScaleAllDim, 0)
	}
	if r.Type == "linear" {
		return r, nil
	}
	if r.Original = s.Original; r.Original != 0 && original != nil && r.Original != *original {
		return r, fmt.Errorf("original_max_position_embeddings is %d and, in %s, %d; keep one",
			*original, name, r.Original)
	}
	if r.Original == 0 {
		r.Original = or(original, context)
	}
	return r, nil
}

// describePositions writes a position embedding as rope_theta and rope_scaling.
func (f *configFile) describePositions(r *model.Rope) {
	f.Theta = &r.Theta
	if r.Type == "" || r.Type == "default" {
		return
	}
	s := &scalingFile{Type: r.Type, Factor: r.Factor, Original: r.Original, LowFreq: r.LowFreq, HighFreq: r.HighFreq}
	f.Scaling = s
	if r.Type != "yarn" {
		return
	}
	s.BetaFast, s.BetaSlow = &r.BetaFast, &r.BetaSlow
	if r.NoTruncate {
		s.Truncate = new(bool)
	}
	if r.AttentionFactor != 0 {
		s.AttentionFactor = &r.AttentionFactor
	}
	if r.MScale != 0 || r.MScaleAllDim != 0 {
		s.MScale, s.MScaleAllDim = &r.MScale, &r.MScaleAllDim
	}
}
