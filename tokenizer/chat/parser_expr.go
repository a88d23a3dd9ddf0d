package chat

import (
	"slices"
	"strconv"
)

// reserved holds the words that are no variables.
var reserved = map[string]bool{
	"true": true, "false": true, "none": true, "True": true, "False": true, "None": true, "and": true, "or": true,
	"not": true, "if": true, "else": true, "elif": true, "in": true, "is": true, "for": true,
}

// chain bounds the links of one expression that a loop of the parser
// strings together: they nest when evaluated.
const chain = 10 * MaxNesting

// tuple parses one expression, or several with commas between, which make a tuple. The condition of
// a loop or an if takes no inline if of its own: the word belongs to the statement.
func (p *parser) tuple(inlineIf bool) expr {
	first := p.expression(inlineIf)
	if !p.is(tokOperator, ",") {
		return first
	}
	items := []expr{first}
	for p.takeOp(",") && !p.tupleEnds() {
		items = append(items, p.expression(inlineIf))
	}
	return &sequenceExpr{items: items, tuple: true}
}

func (p *parser) tupleEnds() bool {
	t := p.peek()
	return t.kind == tokPrintEnd || t.kind == tokBlockEnd || t.kind == tokOperator && t.text == ")" ||
		t.kind == tokName && t.text == "recursive"
}

func (p *parser) expression(inlineIf bool) expr {
	defer p.nest()()
	if !inlineIf {
		return p.or()
	}
	e := p.or()
	for n := 0; p.is(tokName, "if"); n++ {
		p.link(n)
		c := &condExpr{line: p.next().line, then: e, test: p.or()}
		if p.takeWord("else") {
			c.otherwise = p.expression(true)
		}
		e = c
	}
	return e
}

// link counts the links of a chain.
func (p *parser) link(n int) {
	if n >= chain {
		fail(p.peek().line, "an expression chains more than %d operations", chain)
	}
}

func (p *parser) or() expr {
	e := p.and()
	for n := 0; p.takeWord("or"); n++ {
		p.link(n)
		e = &logicExpr{left: e, right: p.and(), or: true}
	}
	return e
}

func (p *parser) and() expr {
	e := p.not()
	for n := 0; p.takeWord("and"); n++ {
		p.link(n)
		e = &logicExpr{left: e, right: p.not()}
	}
	return e
}

func (p *parser) not() expr {
	if p.takeWord("not") {
		defer p.nest()()
		return &notExpr{p.not()}
	}
	return p.compare()
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

func (p *parser) compare() expr {
	e := p.sum()
	c := &compareExpr{line: p.peek().line, first: e}
	for {
		var op string
		switch t := p.peek(); {
		case t.kind == tokOperator && slices.Contains(comparisons, t.text), t.kind == tokName && t.text == "in":
			op = p.next().text
		case t.kind == tokName && t.text == "not" && p.ahead().kind == tokName && p.ahead().text == "in":
			p.next()
			p.next()
			op = "not in"
		case len(c.rest) == 0:
			return e
		default:
			return c
		}
		c.rest = append(c.rest, comparison{op, p.sum()})
	}
}

func (p *parser) sum() expr     { return p.binary(p.concat, "+", "-") }
func (p *parser) product() expr { return p.binary(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.binary(func() expr { return p.unary(true) }, "**") }

// binary parses a left-associative level of operators. In Jinja2 that goes for ** as well.
func (p *parser) binary(operand func() expr, ops ...string) expr {
	e := operand()
	for n := 0; p.peek().kind == tokOperator && slices.Contains(ops, p.peek().text); n++ {
		p.link(n)
		op := p.next()
		e = &binaryExpr{line: op.line, op: op.text, left: e, right: operand()}
	}
	return e
}

func (p *parser) concat() expr {
	first := p.product()
	if !p.is(tokOperator, "~") {
		return first
	}
	c := &concatExpr{line: p.peek().line, parts: []expr{first}}
	for p.takeOp("~") {
		c.parts = append(c.parts, p.product())
	}
	return c
}

func (p *parser) unary(filters bool) expr {
	var e expr
	if t := p.peek(); p.takeOp("-") || p.takeOp("+") {
		defer p.nest()()
		e = &signExpr{line: t.line, minus: t.text == "-", operand: p.unary(false)}
	} else {
		e = p.primary()
	}
	e = p.postfix(e)
	if filters {
		e = p.filters(e)
	}
	return e
}

func (p *parser) primary() expr {
	switch t := p.peek(); t.kind {
	case tokName:
		return p.name()
	case tokString:
		text := p.next().text
		for p.peek().kind == tokString {
			text += p.next().text
		}
		return constant{text}
	case tokInt:
		i, _ := strconv.ParseInt(p.next().text, 0, 64)
		return constant{i}
	case tokFloat:
		f, _ := strconv.ParseFloat(p.next().text, 64) // what is too large is infinite, as in Python
		return constant{f}
	case tokOperator:
		switch t.text {
		case "(":
			return p.parenthesis()
		case "[":
			p.next()
			return &sequenceExpr{items: p.elements("]")}
		case "{":
			return p.dictionary()
		}
	}
	p.unexpected("an expression")
	return nil
}

func (p *parser) name() expr {
	t := p.next()
	switch t.text {
	case "true", "True":
		return constant{true}
	case "false", "False":
		return constant{false}
	case "none", "None":
		return constant{none{}}
	}
	if reserved[t.text] {
		fail(t.line, "unexpected %q where an expression is expected", t.text)
	}
	if p.macro && (t.text == "varargs" || t.text == "kwargs" || t.text == "caller") {
		fail(t.line, "%q in a macro is not supported", t.text)
	}
	return &nameExpr{line: t.line, name: t.text}
}

func (p *parser) parenthesis() expr {
	p.next()
	if p.takeOp(")") {
		return &sequenceExpr{tuple: true}
	}
	e := p.tuple(true)
	p.expectOp(")")
	return e
}

// elements parses expressions up to the closing bracket.
func (p *parser) elements(end string) []expr {
	var out []expr
	for !p.takeOp(end) {
		if len(out) > 0 {
			p.expectOp(",")
			if p.takeOp(end) {
				break
			}
		}
		out = append(out, p.expression(true))
	}
	return out
}

func (p *parser) dictionary() expr {
	d := &dictExpr{line: p.next().line}
	for !p.takeOp("}") {
		if len(d.keys) > 0 {
			p.expectOp(",")
			if p.takeOp("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression(true))
		p.expectOp(":")
		d.values = append(d.values, p.expression(true))
	}
	return d
}

// postfix parses attributes, subscripts and calls.
func (p *parser) postfix(e expr) expr {
	for n := 0; ; n++ {
		p.link(n)
		t := p.peek()
		switch {
		case p.takeOp("."):
			switch key := p.next(); key.kind {
			case tokName:
				e = &attributeExpr{line: t.line, of: e, name: key.text}
			case tokInt:
				i, _ := strconv.ParseInt(key.text, 0, 64)
				e = &itemExpr{line: t.line, of: e, key: constant{i}}
			default:
				fail(t.line, "a name or a number must follow the dot")
			}
		case p.takeOp("["):
			e = p.subscript(t.line, e)
		case p.takeOp("("):
			e = &callExpr{line: t.line, fn: e, args: p.arguments()}
		default:
			return e
		}
	}
}

func (p *parser) subscript(line int, of expr) expr {
	var bounds [3]expr
	colons := 0
	for !p.takeOp("]") {
		switch {
		case p.takeOp(":"):
			if colons++; colons > 2 {
				fail(line, "a slice has more than three bounds")
			}
		case bounds[colons] != nil:
			p.unexpected(`"]" (subscripts with commas are not supported)`)
		default:
			bounds[colons] = p.expression(true)
		}
	}
	switch {
	case colons > 0:
		return &sliceExpr{line: line, of: of, bounds: bounds}
	case bounds[0] == nil:
		fail(line, "the subscript is empty")
	}
	return &itemExpr{line: line, of: of, key: bounds[0]}
}

// arguments parses the rest of a call after its opening parenthesis.
func (p *parser) arguments() arguments {
	var a arguments
	for first := true; !p.takeOp(")"); first = false {
		if !first {
			p.expectOp(",")
			if p.takeOp(")") {
				break
			}
		}
		t := p.peek()
		switch {
		case p.is(tokOperator, "*") || p.is(tokOperator, "**"):
			fail(t.line, "%q before an argument is not supported", t.text)
		case t.kind == tokName && p.ahead().kind == tokOperator && p.ahead().text == "=":
			p.next()
			p.next()
			a.names = append(a.names, t.text)
			a.named = append(a.named, p.expression(true))
		case len(a.names) > 0:
			fail(t.line, "a positional argument follows a named one")
		default:
			a.positional = append(a.positional, p.expression(true))
		}
	}
	return a
}
