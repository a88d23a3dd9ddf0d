package main

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// columns is how wide the picture is; longer lines are cut.
const columns = 104

// halfway reports whether a step behind the first is about half done. On a busy machine not every one is seen there.
func halfway(said string) bool { return half.MatchString(lastLine(said)) }

var half = regexp.MustCompile(`step [2-9]/\d+ +[3-7]\d%`)

// lastLine returns what stands in the line that a terminal's cursor is in.
func lastLine(said string) string { return said[strings.LastIndexAny(said, "\n\r")+1:] }

// screenOf returns the lines that stand on the terminal.
func screenOf(said string) []string {
	var screen []string
	for line := range strings.SplitSeq(said, "\n") {
		line = strings.TrimRight(line, "\r")
		line = strings.TrimPrefix(line[strings.LastIndex(line, "\r")+1:], "\033[K")
		if line != "" {
			screen = append(screen, line)
		}
	}
	return screen
}

// draw returns an SVG of a terminal with a command and the lines below it.
func draw(command string, lines []string) string {
	const width, height, margin = 8, 20, 16
	var s strings.Builder
	lines = append([]string{command}, lines...)
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" role="img" `+
		`aria-label="spell train in a terminal">`+"\n", columns*width+2*margin, len(lines)*height+2*margin)
	s.WriteString(`<rect width="100%" height="100%" rx="6" fill="#1d1f21"/>` + "\n")
	s.WriteString(`<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13" ` +
		`fill="#c5c8c6" xml:space="preserve">` + "\n")
	for i, l := range lines {
		if utf8.RuneCountInString(l) > columns {
			l = string([]rune(l)[:columns-1]) + "…"
		}
		color := ""
		if i == len(lines)-1 {
			color = ` fill="#b5bd68"`
		}
		fmt.Fprintf(&s, `<text x="%d" y="%d"%s>%s</text>`+"\n", margin, margin+14+i*height, color, html.EscapeString(l))
	}
	s.WriteString("</g>\n</svg>\n")
	return s.String()
}
