package reward

import (
	"fmt"
	"math"
	"strings"
)

// Shape is the questioner's reward as a function of the responder's success rate. It is one entry
// of shapes.
type Shape uint8

// shapes are the functions there are. rate is strictly between 0 and 1. A new shape goes to the
// end: it is known by its name, and the doc tag of Config.Shape says what it is.
var shapes = []struct {
	name   string
	reward func(c Config, rate float64) float64
}{
	{"gaussian", gaussian}, // exp(−(r̄−μ)²/2σ²): the paper's
	{"reverse", func(_ Config, rate float64) float64 { return 1 - rate }},
	{"triangle", func(_ Config, rate float64) float64 { return 1 - 2*math.Abs(rate-0.5) }},
	{"variance", variance}, // exp(−(r̄(1−r̄)−¼)²/2s²): that of SPICE, arXiv 2510.24684
}

func gaussian(c Config, rate float64) float64 {
	d := (rate - c.Mu) / c.Sigma
	return math.Exp(-d * d / 2)
}

// variance rewards answers that vary as much as answers can, which is by ¼.
func variance(c Config, rate float64) float64 {
	d := (rate*(1-rate) - 0.25) / c.VarianceSigma
	return math.Exp(-d * d / 2)
}

// String returns the name used in files and flags.
func (s Shape) String() string { return shapes[s].name }

// MarshalText writes the name.
func (s Shape) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Shape) UnmarshalText(text []byte) (err error) {
	*s, err = ParseShape(string(text))
	return err
}

// ParseShape returns the shape of a name. Its error lists the names there are.
func ParseShape(name string) (Shape, error) {
	var names []string
	for i, shape := range shapes {
		if shape.name == name {
			return Shape(i), nil
		}
		names = append(names, shape.name)
	}
	return 0, fmt.Errorf("unknown questioner reward %q: the shapes are %s", name, strings.Join(names, ", "))
}
