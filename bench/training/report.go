package main

import (
	"encoding/json"
	"fmt"
	"io"

	"spell/bench/rounds"
)

// A report is everything that was measured.
type report struct {
	Machine string
	Peer    string
	Rounds  int
	Cases   []result
}

// A result is a model in one precision on some threads: medians over the rounds.
type result struct {
	Model, Type string
	Threads     int
	Tokens      float64 // a second
	GFLOPS      float64
	Peak        float64 // FMA in f32, GFLOP/s
	OfPeak      float64 // a share
	Peer        float64 `json:",omitempty"` // tokens a second, in f32
	Ratio       float64 `json:",omitempty"`

	flops float64 // a token
}

// close turns rounds into medians; theirs is nil where there is no
// peer, and peaks are 0 where they cannot be measured.
func (c *result) close(tokens, peaks, theirs []float64) {
	work := make([]float64, len(tokens))
	for i, t := range tokens {
		work[i] = t * c.flops / 1e9
	}
	c.Tokens, c.GFLOPS, c.Peak = rounds.Median(tokens), rounds.Median(work), rounds.Median(peaks)
	if c.Peak > 0 {
		c.OfPeak = rounds.Median(rounds.Quotients(work, peaks))
	}
	if theirs != nil {
		c.Peer, c.Ratio = rounds.Median(theirs), rounds.Median(rounds.Quotients(tokens, theirs))
	}
}

func (r *report) write(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(r)
	}
	fmt.Fprintf(w, "Training step, sequences of %d tokens. %s. Medians of %d rounds.\nPeer: %s.\n\n",
		sequence, r.Machine, r.Rounds, r.Peer)
	table := [][]string{{"model", "type", "threads", "tokens/s", "GFLOP/s", "of the FMA peak",
		"PyTorch f32, tokens/s", "ours / PyTorch"}}
	for _, c := range r.Cases {
		share, peer, ratio := "–", "–", "–"
		if c.OfPeak > 0 {
			share = fmt.Sprintf("%.0f %% of %.0f", 100*c.OfPeak, c.Peak)
		}
		if c.Peer > 0 {
			peer, ratio = fmt.Sprintf("%.0f", c.Peer), fmt.Sprintf("%.2f", c.Ratio)
		}
		table = append(table, []string{c.Model, c.Type, fmt.Sprint(c.Threads), fmt.Sprintf("%.0f", c.Tokens),
			fmt.Sprintf("%.0f", c.GFLOPS), share, peer, ratio})
	}
	rounds.Table(w, table)
	return nil
}
