package chat

import "fmt"

// fault is an error at a line of a template. Lexer, parser and machine panic with one. Parse and
// Render recover it and nothing else, so that the code between reads straight.
type fault struct {
	line int
	text string
}

func fail(line int, format string, args ...any) {
	panic(&fault{line, fmt.Sprintf(format, args...)})
}

// recoverFault, deferred, turns a fault into *err, which says what
// was being done, to which template, and at which line.
func recoverFault(err *error, doing, name string) {
	switch f := recover().(type) {
	case nil:
	case *fault:
		*err = fmt.Errorf("%s %s: line %d: %s", doing, name, f.line, f.text)
	default:
		panic(f)
	}
}
