package budget

import (
	"fmt"
	"math"

	"spell/rl/plural"
)

// Bytes writes a number of bytes.
func Bytes(n int64) string {
	switch {
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n < 1<<40:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f TiB", float64(n)/(1<<40))
}

// Duration writes seconds in about two digits.
func Duration(seconds float64) string {
	const minute, hour, day = 60, 3600, 24 * 3600
	for _, unit := range []struct {
		name        string
		size, least float64
	}{{"years", 365 * day, 2 * 365 * day}, {"days", day, 2 * day}, {"h", hour, 2 * hour},
		{"min", minute, 2 * minute}, {"s", 1, 2}} {
		if n := seconds / unit.size; seconds >= unit.least {
			if n < 9.5 {
				return fmt.Sprintf("%.1f %s", n, unit.name)
			}
			return fmt.Sprintf("%.0f %s", n, unit.name)
		}
	}
	return fmt.Sprintf("%.0f ms", math.Ceil(1e3*seconds))
}

// A Machine is what a run has: memory and bytes of disk; 0 if it does not tell. Times is nil if no rates
// were measured.
type Machine struct {
	Memory Memory
	Disk   int64
	Times  *Times
}

// Start returns the lines that a run begins with.
func (p *Plan) Start(m Machine) string {
	text, steps := "", p.Steps
	if m.Times != nil {
		steps = m.Times.Steps
	}
	if steps > 0 {
		text = plural.Of(steps, "step")
	}
	if t := m.Times; t != nil {
		text += fmt.Sprintf(" of about %s", Duration(t.Step()))
		if t.Tests > 0 {
			text += fmt.Sprintf(" and %s of tests", Duration(t.Tests))
		}
		text += fmt.Sprintf(": about %s in all\n", Duration(t.Run()))
	} else if text != "" {
		text += "; "
	}
	need := p.Needs()
	memory := of(need.Host, m.Memory.Host, "of memory", "available")
	if need.Device > 0 {
		memory = of(need.Device, m.Memory.Device, "on the GPU", "available") + ", " + memory
	}
	return text + "needs " + memory + " and " + of(p.Disk.Total(), m.Disk, "of disk", "free")
}

func of(need, have int64, what, is string) string {
	if have <= 0 {
		return fmt.Sprintf("%s %s", Bytes(need), what)
	}
	return fmt.Sprintf("%s %s (%s %s)", Bytes(need), what, Bytes(have), is)
}
