package rounds

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table prints rows as markdown, the first one as titles, the first
// column to the left and the others to the right.
func Table(w io.Writer, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		line, rule := "|", "|"
		for i, cell := range row {
			gap, dashes := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)), strings.Repeat("-", width[i])
			if i == 0 {
				line, rule = line+" "+cell+gap+" |", rule+dashes+"--|"
				continue
			}
			line, rule = line+" "+gap+cell+" |", rule+dashes+"-:|"
		}
		fmt.Fprintln(w, line)
		if n == 0 {
			fmt.Fprintln(w, rule)
		}
	}
}

// Threads is that many of them, in words.
func Threads(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}
