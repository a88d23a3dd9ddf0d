package learn

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
)

// TestTrend: a loss rose if its end lies above its beginning by more than the losses differ anyway, or
// above guessing; a state on its way through JSON, and copies, are what they were.
func TestTrend(t *testing.T) {
	long := func(from, to float64, n int) (losses []float64) {
		for i := range n {
			wave := 0.2 * math.Sin(float64(7*i))
			losses = append(losses, from+(to-from)*float64(i)/float64(n)+wave)
		}
		return losses
	}
	const guess = 7
	for name, tt := range map[string]struct {
		losses []float64
		rose   bool
	}{
		"none":                          {nil, false},
		"one":                           {[]float64{9000}, false},
		"two, falling":                  {[]float64{3, 2}, false},
		"two, other lines":              {[]float64{2, 3}, false},
		"two, above guessing":           {[]float64{3, 9}, true},
		"two, doubled":                  {[]float64{1, 2.5}, true},
		"three, exploding":              {[]float64{3, 400, 7000}, true},
		"exploding at once":             {append([]float64{3}, long(7000, 6900, 30)...), true},
		"falling":                       {long(7, 3, 100), false},
		"as it was":                     {long(3, 3, 100), false},
		"rising":                        {long(3, 5, 100), true},
		"fresh, barely trained":         {[]float64{7.02, 7.05, 7.04, 7.03}, false},
		"fresh, and worse":              {append([]float64{7.02, 14, 11}, long(9, 8, 30)...), true},
		"a high beginning that settles": {long(30, 7.2, 100), false},
		"not a number":                  {[]float64{3, 2, math.NaN()}, true},
	} {
		var trend, again Trend
		for _, l := range tt.losses {
			before := trend
			first, last := slices.Clone(before.First), slices.Clone(before.Last)
			trend.Add(l)
			if !slices.Equal(before.First, first) || !slices.Equal(before.Last, last) {
				t.Fatalf("%s: adding changes a copy", name)
			}
		}
		if first, last, rose := trend.Rose(guess); rose != tt.rose {
			t.Errorf("%s: from %g to %g, rose is %v", name, first, last, rose)
		}
		if len(trend.First) > trendUpdates || len(trend.Last) > trendUpdates || trend.N != len(tt.losses) {
			t.Errorf("%s: kept are %+v", name, trend)
		}
		if name == "not a number" {
			continue // which no update gives
		}
		raw, err := json.Marshal(trend)
		if err == nil {
			err = json.Unmarshal(raw, &again)
		}
		if err != nil || !reflect.DeepEqual(again, trend) {
			t.Errorf("%s: %+v reads back as %+v, %v", name, trend, again, err)
		}
	}
}
