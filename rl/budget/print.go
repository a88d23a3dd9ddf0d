package budget

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"spell/kernels/tally"
	"spell/rl/plural"
)

// Write writes the plan for a machine: whether it fits, the time of the run and of a step, memory and
// disk, and then the parts of each. refused is why it does not fit, or nil.
func (p *Plan) Write(to io.Writer, m Machine, refused error) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	switch {
	case refused != nil:
		fmt.Fprintf(w, "it does not fit: %v\n", refused)
	case m.Memory != Memory{}:
		fmt.Fprintln(w, "it fits")
	}
	if t := m.Times; t != nil {
		fmt.Fprintf(w, "the run\tabout %s\t%s", Duration(t.Run()), plural.Of(t.Steps, "step"))
		if t.Tests > 0 {
			fmt.Fprintf(w, " and %s of tests", Duration(t.Tests))
		}
		fmt.Fprintf(w, "\na step\tabout %s\t\n", Duration(t.Step()))
	} else if p.Steps > 0 {
		fmt.Fprintf(w, "the run\t%s\t\n", plural.Of(p.Steps, "step"))
	}
	need := p.Needs()
	if need.Device > 0 {
		fmt.Fprintf(w, "on the GPU\t%s\t%s\n", Bytes(need.Device), have(m.Memory.Device, "available"))
	}
	fmt.Fprintf(w, "memory\t%s\t%s\n", Bytes(need.Host), have(m.Memory.Host, "available"))
	fmt.Fprintf(w, "disk\t%s\t%s in a checkpoint, %d kept; logs %s%s\n", Bytes(p.Disk.Total()),
		Bytes(p.Disk.Checkpoint), p.Disk.Keep, Bytes(p.Disk.Logs), comma(have(m.Disk, "free")))
	w.Flush()
	if m.Times != nil {
		m.Times.write(w)
	}
	p.write(w)
	return w.Flush()
}

func have(n int64, is string) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("%s %s", Bytes(n), is)
}

func comma(text string) string {
	if text == "" {
		return ""
	}
	return "; " + text
}

// write writes the phases of a step.
func (t *Times) write(w *tabwriter.Writer) {
	fmt.Fprintln(w, "\nof a step\ttokens\tTFLOP of products\tof attention\tabout")
	for _, p := range t.Phases {
		attention := p.Work.Flops[tally.Attend] + p.Work.Flops[tally.AttendGrad]
		fmt.Fprintf(w, "%s\t%d\t%.3g\t%.3g\t%s\n",
			p.Name, p.Tokens, (p.Work.Total()-attention)/1e12, attention/1e12, Duration(p.Work.Seconds))
	}
	w.Flush()
}

// write writes the memory part by part, and the peaks of the first step.
func (p *Plan) write(w *tabwriter.Writer) {
	fmt.Fprintln(w, "\nmemory for\t\ttype\tgrows with\t")
	for _, it := range p.Items {
		most, where := "", ""
		if !it.Device && p.onDevice() {
			where = " of the host's"
		}
		switch {
		case it.Estimated():
			most = "about "
		case !it.Mapped:
			most = "at most "
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s%s\n", it.Owner, it.Name, it.TypeName(), it.GrowsWith, most,
			Bytes(int64(it.Bytes)), where)
	}
	w.Flush()
	if names := p.turns(); len(names) > 1 {
		fmt.Fprintf(w, "%s are in the same memory in turns\n", strings.Join(names, " and "))
	}
	fmt.Fprintln(w, "\npeak of the first step")
	for s := range Stages {
		fmt.Fprintf(w, "  %v\t%s\n", s, p.Memory(s))
	}
	fmt.Fprintf(w, "all later steps\t%s\n", p.Needs())
	w.Flush()
}

// onDevice reports whether some of the memory lies on a device.
func (p *Plan) onDevice() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool { return it.Device })
}

// turns returns the owners whose memory is the same.
func (p *Plan) turns() (names []string) {
	for _, it := range p.Items {
		if it.Turns && !slices.Contains(names, it.Owner) {
			names = append(names, it.Owner)
		}
	}
	return names
}
