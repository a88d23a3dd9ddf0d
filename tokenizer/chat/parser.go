package chat

import (
	"fmt"
	"slices"
)

// parser builds the tree of a template by recursive descent, one method per rule of Jinja2's
// grammar: statements here, expressions in parser_expr.go.
type parser struct {
	tokens []token
	pos    int
	depth  int
	loops  int  // for statements around, for break and continue
	macro  bool // within a macro
}

func (p *parser) peek() token { return p.tokens[p.pos] }

// ahead returns the token after the next one.
func (p *parser) ahead() token { return p.tokens[min(p.pos+1, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

func (p *parser) is(k kind, text string) bool {
	t := p.peek()
	return t.kind == k && t.text == text
}

// take moves over the token if it is the one named, and reports whether it was.
func (p *parser) take(k kind, text string) bool {
	if !p.is(k, text) {
		return false
	}
	p.next()
	return true
}

func (p *parser) takeOp(text string) bool   { return p.take(tokOperator, text) }
func (p *parser) takeWord(text string) bool { return p.take(tokName, text) }

func (p *parser) expectOp(text string) {
	if !p.takeOp(text) {
		p.unexpected(fmt.Sprintf("%q", text))
	}
}

func (p *parser) expectName() token {
	if p.peek().kind != tokName {
		p.unexpected("a name")
	}
	return p.next()
}

func (p *parser) unexpected(want string) {
	t := p.peek()
	switch t.kind {
	case tokEOF:
		fail(t.line, "the template ends where %s is expected", want)
	case tokString:
		fail(t.line, "unexpected string %.40q where %s is expected", t.text, want)
	}
	fail(t.line, "unexpected %.40q where %s is expected", t.text, want)
}

// nest counts the depth of recursion. The function it returns undoes that.
func (p *parser) nest() func() {
	if p.depth++; p.depth > MaxNesting {
		fail(p.peek().line, "the template nests more than %d deep", MaxNesting)
	}
	return func() { p.depth-- }
}

// body parses text and statements until a block that begins with one of the words in ends, or until
// the end of the template if there are none. The word is left to be read.
func (p *parser) body(opener token, ends ...string) []node {
	defer p.nest()()
	var out []node
	for {
		switch t := p.next(); t.kind {
		case tokEOF:
			if len(ends) > 0 {
				fail(opener.line, "the statement %q is not closed by %q", opener.text, ends[len(ends)-1])
			}
			return out
		case tokData:
			out = append(out, textNode(t.text))
		case tokPrintBegin:
			out = append(out, &printNode{line: t.line, expr: p.tuple(true)})
			if p.next().kind != tokPrintEnd {
				p.pos--
				p.unexpected(`"}}"`)
			}
		case tokBlockBegin:
			if word := p.peek(); word.kind == tokName && slices.Contains(ends, word.text) {
				return out
			}
			out = append(out, p.statement())
			p.blockEnd()
		}
	}
}

func (p *parser) blockEnd() {
	if p.peek().kind != tokBlockEnd {
		p.unexpected(`"%}"`)
	}
	p.next()
}

// block ends the tag that opens a statement, parses its body and reads the closing word.
func (p *parser) block(opener token, end string) []node {
	p.takeOp(":")
	p.blockEnd()
	out := p.body(opener, end)
	p.next()
	return out
}

// refusedStatements are Jinja2's own that chat templates have no use for.
var refusedStatements = []string{
	"call", "block", "extends", "include", "import", "from", "autoescape", "do", "print", "trans", "debug",
}

func (p *parser) statement() node {
	if p.peek().kind != tokName {
		p.unexpected("the name of a statement")
	}
	word := p.next()
	switch word.text {
	case "for":
		return p.forStatement(word)
	case "if":
		return p.ifStatement(word)
	case "set":
		return p.setStatement(word)
	case "macro":
		return p.macroStatement(word)
	case "with":
		return p.withStatement(word)
	case "generation":
		return &scopeNode{body: p.closed(word)}
	case "filter":
		chain := p.filterChain(p.filter(&capturedExpr{}))
		return &captureNode{line: word.line, chain: chain, body: p.block(word, "endfilter")}
	case "break", "continue":
		if p.loops == 0 {
			fail(word.line, "%q stands outside of a loop", word.text)
		}
		if word.text == "break" {
			return jumpNode(breaking)
		}
		return jumpNode(continuing)
	}
	if slices.Contains(refusedStatements, word.text) {
		fail(word.line, "the statement %q is not supported: chat templates do without it", word.text)
	}
	fail(word.line, "unknown statement %q", word.text)
	return nil
}

// closed parses the body of a generation block, out of which no break or continue may jump.
func (p *parser) closed(opener token) []node {
	outer := p.loops
	p.loops = 0
	defer func() { p.loops = outer }()
	return p.block(opener, "end"+opener.text)
}

func (p *parser) forStatement(word token) node {
	p.loops++ // for the name loop, which the target cannot be either
	n := &forNode{line: word.line, target: p.targets(false)}
	p.loops--
	if !p.takeWord("in") {
		p.unexpected(`"in"`)
	}
	n.items = p.tuple(false)
	if p.takeWord("if") {
		n.test = p.expression(true)
	}
	if p.is(tokName, "recursive") {
		fail(word.line, "recursive loops are not supported")
	}
	p.takeOp(":")
	p.blockEnd()
	p.loops++
	n.body = p.body(word, "else", "endfor")
	p.loops--
	if p.next().text == "else" {
		n.otherwise = p.block(word, "endfor")
	}
	return n
}

func (p *parser) ifStatement(word token) node {
	n := &ifNode{}
	for {
		test := p.tuple(false)
		p.takeOp(":")
		p.blockEnd()
		n.branches = append(n.branches, branch{test, p.body(word, "elif", "else", "endif")})
		switch p.next().text {
		case "elif":
			continue
		case "else":
			n.otherwise = p.block(word, "endif")
		}
		return n
	}
}

func (p *parser) setStatement(word token) node {
	to := p.targets(true)
	if p.takeOp("=") {
		return &setNode{line: word.line, target: to, expr: p.tuple(true)}
	}
	chain := p.filterChain(&capturedExpr{})
	return &captureNode{line: word.line, target: &to, chain: chain, body: p.block(word, "endset")}
}

func (p *parser) withStatement(word token) node {
	n := &scopeNode{}
	for p.peek().kind != tokBlockEnd && !p.is(tokOperator, ":") {
		if len(n.names) > 0 {
			p.expectOp(",")
		}
		n.names = append(n.names, p.assignable())
		p.expectOp("=")
		n.values = append(n.values, p.expression(true))
	}
	n.body = p.block(word, "endwith")
	return n
}

func (p *parser) macroStatement(word token) node {
	n := &macroNode{line: word.line, name: p.assignable()}
	p.expectOp("(")
	for !p.takeOp(")") {
		if len(n.params) > 0 {
			p.expectOp(",")
		}
		n.params = append(n.params, p.assignable())
		var value expr
		if p.takeOp("=") {
			value = p.expression(true)
		} else if len(n.defaults) > 0 && n.defaults[len(n.defaults)-1] != nil {
			fail(p.peek().line, "a parameter without a default follows one with a default")
		}
		n.defaults = append(n.defaults, value)
	}
	loops, macro := p.loops, p.macro
	p.loops, p.macro = 0, true
	n.body = p.block(word, "endmacro")
	p.loops, p.macro = loops, macro
	return n
}

// assignable reads a name that a template may assign to.
func (p *parser) assignable() string {
	t := p.expectName()
	if reserved[t.text] {
		fail(t.line, "cannot assign to %q", t.text)
	}
	if t.text == "loop" && p.loops > 0 {
		fail(t.line, "cannot assign to \"loop\" in a loop")
	}
	return t.text
}

// targets reads what an assignment or a loop assigns to: a name,
// ns.name if attributes are allowed, or several.
func (p *parser) targets(attributes bool) target {
	defer p.nest()()
	one := p.oneTarget(attributes)
	if !p.is(tokOperator, ",") {
		return one
	}
	several := target{several: []target{one}}
	for p.takeOp(",") && (p.peek().kind == tokName && !p.is(tokName, "in") || p.is(tokOperator, "(")) {
		several.several = append(several.several, p.oneTarget(attributes))
	}
	return several
}

func (p *parser) oneTarget(attributes bool) target {
	if p.takeOp("(") {
		t := p.targets(attributes)
		p.expectOp(")")
		return t
	}
	t := target{name: p.assignable()}
	if attributes && p.takeOp(".") {
		t.attribute = p.expectName().text
	}
	return t
}
