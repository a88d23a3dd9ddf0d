package chat

// filters parses what may follow an operand: filters, tests, and calls of what those gave.
func (p *parser) filters(e expr) expr {
	for n := 0; ; n++ {
		p.link(n)
		t := p.peek()
		switch {
		case p.takeOp("|"):
			e = p.filter(e)
		case p.takeWord("is"):
			e = p.test(t.line, e)
		case p.takeOp("("):
			e = &callExpr{line: t.line, fn: e, args: p.arguments()}
		default:
			return e
		}
	}
}

// filterChain parses filters alone, those of a block.
func (p *parser) filterChain(e expr) expr {
	for n := 0; p.takeOp("|"); n++ {
		p.link(n)
		e = p.filter(e)
	}
	return e
}

// filter parses one filter after its bar.
func (p *parser) filter(of expr) expr {
	t := p.expectName()
	f := filters[t.text]
	if f == nil {
		f = unknown("filter", t.text)
	}
	n := &filterExpr{line: t.line, name: t.text, of: of, fn: f}
	if p.takeOp("(") {
		n.args = p.arguments()
	}
	return n
}

// unknown stands for a filter or a test of another program. It fails where it is come to, as in Jinja:
// templates have such things in branches that are not taken elsewhere.
func unknown(kind, name string) function {
	return func(m *machine, _ value, _ args) value {
		m.fail("the %s %q is not supported", kind, name)
		return nil
	}
}

// test parses a test after the word is: a name, and one argument with or without parentheses.
func (p *parser) test(line int, of expr) expr {
	negated := p.takeWord("not")
	t := p.expectName()
	f := tests[t.text]
	if f == nil {
		f = unknown("test", t.text)
	}
	n := &testExpr{line: line, name: t.text, of: of, fn: f}
	switch next := p.peek(); {
	case p.takeOp("("):
		n.args = p.arguments()
	case p.is(tokName, "is"):
		fail(next.line, "a test follows a test: parentheses are missing")
	case next.kind == tokName && next.text != "and" && next.text != "or" && next.text != "else", next.kind == tokString,
		next.kind == tokInt, next.kind == tokFloat, p.is(tokOperator, "["), p.is(tokOperator, "{"):
		n.args.positional = []expr{p.postfix(p.primary())}
	}
	if negated {
		return &notExpr{n}
	}
	return n
}
