package model

import "fmt"

// An ExpertLoad says how evenly the routers of a model spread rows over experts.
type ExpertLoad struct {
	Busiest float64 `json:"busiest" doc:"largest share of its layer's choices that an expert got; 1/experts of a perfect router"`
	Unused  int     `json:"unused" doc:"experts that no row chose, of all layers"`
	Of      int     `json:"of" doc:"experts of all layers"`
}

// String returns the load in words.
func (l *ExpertLoad) String() string {
	return fmt.Sprintf("busiest expert %.1f%%, %d of %d unused", 100*l.Busiest, l.Unused, l.Of)
}

// expertCounts counts, per layer and expert, the rows that chose it; nil for dense layers.
type expertCounts [][]int64

// add counts the rows of layer l of layers, whose groups end at ends.
func (n *expertCounts) add(l, layers int, ends []int32) {
	if len(ends) == 0 {
		return
	}
	if *n == nil {
		*n = make(expertCounts, layers)
	}
	if (*n)[l] == nil {
		(*n)[l] = make([]int64, len(ends))
	}
	last := int32(0)
	for e, end := range ends {
		(*n)[l][e] += int64(end - last)
		last = end
	}
}

// load returns what the counts amount to, nil if there are none.
func (n expertCounts) load() *ExpertLoad {
	if n == nil {
		return nil
	}
	load := &ExpertLoad{}
	for _, layer := range n {
		var all, most int64
		for _, rows := range layer {
			all, most = all+rows, max(most, rows)
			if rows == 0 {
				load.Unused++
			}
		}
		if all > 0 {
			load.Busiest = max(load.Busiest, float64(most)/float64(all))
		}
		load.Of += len(layer)
	}
	return load
}

// TakeExpertLoad returns the load of the experts over all calls of Step since it was last called. A
// row counts once, though blocks may run again for their gradients. It returns nil if there was no
// step or the model has no mixtures.
func (d *Decoder) TakeExpertLoad() *ExpertLoad {
	n := d.experts
	d.experts = nil
	return n.load()
}
