package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A row is what the engines made of a problem.
type row struct {
	problem
	by map[string]result
}

// A table is the rows of a step, in the order of their first results, and the peers that they have.
type table struct {
	step    string
	rows    []*row
	peers   []string
	remarks []result // results without seconds, and notes
}

// tablesOf sorts results by step. Of several of a problem and an engine the last one counts.
func tablesOf(list []result) (tables []*table) {
	for _, r := range list {
		i := slices.IndexFunc(tables, func(t *table) bool { return t.step == r.Step })
		if i < 0 {
			i = len(tables)
			tables = append(tables, &table{step: r.Step})
		}
		t := tables[i]
		if r.Seconds == 0 || r.Note != "" {
			t.remarks = append(t.remarks, r)
		}
		if r.Seconds == 0 {
			continue
		}
		j := slices.IndexFunc(t.rows, func(w *row) bool { return w.Case == r.Case })
		if j < 0 {
			j = len(t.rows)
			t.rows = append(t.rows, &row{r.problem, map[string]result{}})
		}
		t.rows[j].by[r.Engine] = r
		if r.Engine == ours {
			t.rows[j].problem = r.problem
		} else if !slices.Contains(t.peers, r.Engine) {
			t.peers = append(t.peers, r.Engine)
		}
	}
	return tables
}

// ceilings are the best that anyone has reached: operations and bytes a second; 0 is unknown.
type ceilings struct{ flops, bytes float64 }

func ceilingsOf(list []result) (c ceilings) {
	for _, r := range list {
		switch {
		case r.Step != "ceilings" || r.Seconds == 0:
		case r.Flops > 0:
			c.flops = max(c.flops, r.Flops/r.Seconds)
		default:
			c.bytes = max(c.bytes, r.Bytes/r.Seconds)
		}
	}
	return c
}

// share returns which part of the bound a result reaches, 0 if that is unknown.
func (c ceilings) share(p problem, seconds float64) float64 {
	least := 0.0
	if c.flops > 0 {
		least = p.Flops / c.flops
	}
	if c.bytes > 0 {
		least = max(least, p.Bytes/c.bytes)
	}
	return least / seconds
}

// printTables prints everything in Markdown.
func printTables(w io.Writer, list []result) error {
	c := ceilingsOf(list)
	for _, t := range tablesOf(list) {
		var b strings.Builder
		fmt.Fprintf(&b, "\n### %s\n\n", t.step)
		t.print(&b, c)
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) print(b *strings.Builder, c ceilings) {
	if len(t.rows) > 0 {
		fmt.Fprintf(b, "| case | ours | of the bound |")
		for _, p := range t.peers {
			fmt.Fprintf(b, " %s |", p)
		}
		fmt.Fprintf(b, " ours / best peer | memory, ours / least |\n|%s\n", strings.Repeat("---|", 5+len(t.peers)))
		for _, r := range t.rows {
			r.print(b, t.peers, c)
		}
		fmt.Fprintln(b)
	}
	for _, r := range t.remarks {
		mark := ""
		if r.Failed {
			mark = "FAILED: "
		}
		fmt.Fprintf(b, "- %s, %s: %s%s\n", r.Case, r.Engine, mark, r.Note)
	}
}

func (w *row) print(b *strings.Builder, peers []string, c ceilings) {
	mine, have := w.by[ours]
	fmt.Fprintf(b, "| %s | %s | %s |", w.Case, w.rate(mine, have), percent(c.share(w.problem, mine.Seconds), have))
	fastest, least := 0.0, 0.0
	for _, p := range peers {
		r, ok := w.by[p]
		fmt.Fprintf(b, " %s |", w.rate(r, ok))
		if ok && (fastest == 0 || r.Seconds < fastest) {
			fastest = r.Seconds
		}
		if ok && r.Memory > 0 && (least == 0 || r.Memory < least) {
			least = r.Memory
		}
	}
	ratio, memory := "–", "–"
	if have && fastest > 0 {
		ratio = fmt.Sprintf("%.2f", fastest/mine.Seconds)
	}
	if have && mine.Memory > 0 {
		memory = fmt.Sprintf("%.1f GiB", mine.Memory/(1<<30))
		if least > 0 {
			memory += fmt.Sprintf(" / %.1f, %.2f", least/(1<<30), mine.Memory/least)
		}
	}
	fmt.Fprintf(b, " %s | %s |\n", ratio, memory)
}

// rate is a result in the unit of its problem.
func (w *row) rate(r result, ok bool) string {
	if !ok {
		return "–"
	}
	s := fmt.Sprintf("%.4g ms", 1e3*r.Seconds)
	switch {
	case w.Tokens > 0:
		s += fmt.Sprintf(", %.4g tokens/s", w.Tokens/r.Seconds)
	case w.Flops > 0:
		s += fmt.Sprintf(", %.3g TFLOP/s", w.Flops/r.Seconds/1e12)
	case w.Bytes > 0:
		s += fmt.Sprintf(", %.3g TB/s", w.Bytes/r.Seconds/1e12)
	}
	return s
}

func percent(share float64, ok bool) string {
	if !ok || share == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
