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
		fail(t.line, "the filter %q is not supported", t.text)
	}
	n := &filterExpr{line: t.line, name: t.text, of: of, fn: f}
	if p.takeOp("(") {
		n.args = p.arguments()
	}
	p.checkNested(t, n.args)
	return n
}

// checkNested refuses an unknown filter or test that a literal
// argument of map, select and their like names.
func (p *parser) checkNested(filter token, a arguments) {
	at := 0
	switch filter.text {
	case "map", "select", "reject":
	case "selectattr", "rejectattr":
		at = 1
	default:
		return
	}
	if at >= len(a.positional) {
		return
	}
	c, _ := a.positional[at].(constant)
	name, ok := c.value.(string)
	switch {
	case !ok:
	case filter.text == "map" && filters[name] == nil:
		fail(filter.line, "the filter %q is not supported", name)
	case filter.text != "map" && tests[name] == nil:
		fail(filter.line, "the test %q is not supported", name)
	}
}

// test parses a test after the word is: a name, and one argument with or without parentheses.
func (p *parser) test(line int, of expr) expr {
	negated := p.takeWord("not")
	t := p.expectName()
	f := tests[t.text]
	if f == nil {
		fail(t.line, "the test %q is not supported", t.text)
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
