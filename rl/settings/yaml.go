package settings

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yaml reads a YAML file of one document. The node is nil if it is empty.
func (p *parser) yaml(data []byte) (n *node, err error) {
	defer func() {
		if recover() != nil { // the package for YAML, on text that is none
			n, err = nil, p.fail(1, 1, "the file cannot be read as YAML; write one field a line, as in steps: 10")
		}
	}()
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		at := tokens[maxTokens].Position
		return nil, p.fail(at.Line, at.Column, "there are too many values before this; no configuration has so many")
	}
	if err := p.modest(tokens); err != nil {
		return nil, err
	}
	f, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		return nil, p.syntax(data, err)
	}
	for _, doc := range f.Docs {
		body, err := p.convert(doc.Body)
		switch {
		case err != nil:
			return nil, err
		case body == nil || body.kind == null && body.text == "":
		case n != nil:
			return nil, p.fail(body.line, body.column, "there is more than one document in the file; keep one")
		default:
			n = body
		}
	}
	return n, nil
}

// maxTokens is the names, values and signs of the largest YAML file:
// the time that they take grows with their square.
const maxTokens = 1 << 14

func (p *parser) syntax(data []byte, err error) error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return p.fail(1, 1, "the file cannot be read as YAML: %s", oneLine(err.Error()))
	}
	at := e.GetToken().Position
	if lines := bytes.Split(data, []byte("\n")); at.Line <= len(lines) && tabbed.Match(lines[max(at.Line-1, 0)]) {
		return p.fail(at.Line, 1, "the line begins with a tab; YAML is indented with spaces")
	}
	return p.fail(at.Line, at.Column, "this cannot be read as YAML: %s", oneLine(e.GetMessage()))
}

var tabbed = regexp.MustCompile(`^ *\t`)

func oneLine(s string) string { return shorten(strings.Join(strings.Fields(s), " ")) }

// modest refuses what configurations have no use for and a parser could be hurt by: references,
// which can grow without bound, types, directives, keys that are no names, and deep nesting.
func (p *parser) modest(tokens token.Tokens) error {
	deep, across, line := 0, 0, 0 // across counts the signs that open a block, in one line
	for _, t := range tokens {
		at := t.Position
		if at.Line != line {
			line, across = at.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return p.fail(at.Line, at.Column,
				"%s refers to another part of the file; write the value out, or put it in quotes", t.Value)
		case token.TagType:
			return p.fail(at.Line, at.Column,
				"%s is a YAML type, which is not read; leave it out, or put the text in quotes", t.Value)
		case token.DirectiveType:
			return p.fail(at.Line, at.Column, "%% begins a YAML directive, which is not read; leave it out")
		case token.MappingKeyType:
			return p.fail(at.Line, at.Column, "? begins a YAML key that is no name; write name: value")
		case token.SequenceStartType, token.MappingStartType:
			deep++
		case token.SequenceEndType, token.MappingEndType:
			deep--
		case token.SequenceEntryType, token.MappingValueType:
			if deep <= 0 {
				across++
			}
		}
		if max(deep, across) > maxDepth {
			return p.fail(at.Line, at.Column, "lists and blocks are %d deep; no configuration is", max(deep, across))
		}
	}
	return nil
}

// convert turns what the YAML parser found into nodes; a comment alone is nil.
func (p *parser) convert(y ast.Node) (*node, error) {
	if y == nil || y.GetToken() == nil {
		return nil, nil
	}
	at := y.GetToken().Position
	n := &node{line: at.Line, column: at.Column}
	switch y := y.(type) {
	case *ast.CommentGroupNode:
		return nil, nil
	case *ast.MappingNode:
		return n, p.entries(n, y.Values)
	case *ast.MappingValueNode:
		return n, p.entries(n, []*ast.MappingValueNode{y})
	case *ast.SequenceNode:
		n.kind = list
		for _, v := range y.Values {
			if err := p.append(n, v); err != nil {
				return nil, err
			}
		}
	case *ast.LiteralNode:
		n.kind, n.text = quoted, y.Value.Value
	case *ast.StringNode:
		n.kind, n.text = quoted, y.Value
		if y.Token.Type != token.SingleQuoteType && y.Token.Type != token.DoubleQuoteType {
			n.kind = scalar(n.text)
		}
	case *ast.NullNode:
		if y.Token.Type != token.ImplicitNullType {
			n.text = y.Token.Value
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		n.text = strings.TrimSpace(y.GetToken().Value)
		n.kind = scalar(n.text)
	default:
		return nil, p.fail(at.Line, at.Column, "this YAML is not read in configurations; write name: value")
	}
	return n, nil
}

func (p *parser) append(n *node, y ast.Node) error {
	v, err := p.convert(y)
	if err == nil && v == nil {
		v = &node{line: n.line, column: n.column}
	}
	n.items = append(n.items, v)
	return err
}

func (p *parser) entries(n *node, values []*ast.MappingValueNode) error {
	n.kind = block
	if len(values) > 0 { // a block is where its first name is, not where its first colon is
		at := values[0].Key.GetToken().Position
		n.line, n.column = at.Line, at.Column
	}
	for _, m := range values {
		key := m.Key.GetToken()
		e := &entry{key: key.Value, line: key.Position.Line, column: key.Position.Column}
		v, err := p.convert(m.Value)
		if err != nil {
			return err
		}
		if v == nil {
			v = &node{line: e.line, column: e.column}
		}
		e.value = v
		n.entries = append(n.entries, e)
	}
	return nil
}

// scalar is what text without quotes is, by the core schema of YAML 1.2.
func scalar(text string) kind {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return truth
	}
	if decimal.MatchString(text) {
		return number
	}
	return word
}

var decimal = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
