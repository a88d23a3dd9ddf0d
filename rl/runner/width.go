package runner

import (
	"strings"
	"unicode/utf8"
)

// A Remarker is a Line with parts that are shown also if a terminal is too narrow for all of it.
type Remarker interface{ Remarks() []string }

// fitted returns a line and a rate behind it for a terminal of so many columns; 0 is no terminal, which
// gets all of it. The parts of the line, two spaces apart, are left out from its end until it fits, but
// never the first. Remarks among those follow on lines of their own.
func fitted(l Line, rate string, width int) string {
	full := l.String()
	if width <= 0 {
		return full + rate
	}
	var lines []string
	for line := range strings.SplitSeq(full, "\n") {
		for utf8.RuneCountInString(line+rate) > width {
			at := strings.LastIndex(strings.TrimRight(line, " "), "  ")
			if at <= 0 {
				break
			}
			line = strings.TrimRight(line[:at], " ")
		}
		lines = append(lines, line+rate)
	}
	text := strings.Join(lines, "\n")
	if r, ok := l.(Remarker); ok {
		for _, remark := range r.Remarks() {
			if !strings.Contains(text, remark) {
				text += "\n  " + remark
			}
		}
	}
	return text
}
