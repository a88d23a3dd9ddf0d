package format

import (
	"bytes"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlText returns the text of a page without what surrounds it: scripts, navigation, forms and footers.
func htmlText(raw []byte, o Options) (Record, error) {
	r, err := decoded(raw, o.Stop)
	if err != nil || r.Skip != "" {
		return r, err
	}
	root, err := html.Parse(strings.NewReader(r.Text))
	if err != nil {
		return Record{Skip: "no HTML: " + err.Error()}, nil
	}
	var p page
	p.node(root)
	r.Text, r.Title = clean(p.out.String()), oneLine(p.title)
	return r, nil
}

// page is the text of a page as it comes together.
type page struct {
	out   bytes.Buffer
	title string
	pre   int // how many elements are open that keep blank space
	gap   int // line ends that are due before the next text
	space bool
}

// passed are the elements whose text is none of the document's.
var passed = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Noscript: true, atom.Template: true, atom.Svg: true, atom.Nav: true,
	atom.Footer: true, atom.Aside: true, atom.Iframe: true, atom.Button: true, atom.Select: true, atom.Head: true,
	atom.Object: true, atom.Canvas: true,
}

// gaps are the line ends before and behind the elements that make blocks.
var gaps = map[atom.Atom]int{
	atom.P: 2, atom.H1: 2, atom.H2: 2, atom.H3: 2, atom.H4: 2, atom.H5: 2, atom.H6: 2, atom.Blockquote: 2, atom.Ul: 2,
	atom.Ol: 2, atom.Dl: 2, atom.Table: 2, atom.Pre: 2, atom.Section: 2, atom.Article: 2, atom.Figure: 2, atom.Hr: 2,
	atom.Div: 1, atom.Li: 1, atom.Tr: 1, atom.Dt: 1, atom.Dd: 1, atom.Header: 1, atom.Main: 1, atom.Caption: 1,
	atom.Figcaption: 1, atom.Br: 1, atom.Form: 1, atom.Body: 1,
}

// node adds the text of a node. The library bounds how deep nodes stand in each other.
func (p *page) node(n *html.Node) {
	if n.Type == html.TextNode {
		p.text(n.Data)
		return
	}
	if n.DataAtom == atom.Head {
		p.head(n)
	}
	if n.Type == html.ElementNode && passed[n.DataAtom] {
		return
	}
	p.gap = max(p.gap, gaps[n.DataAtom])
	switch n.DataAtom {
	case atom.Pre:
		p.pre++
	case atom.Li:
		p.text("- ")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.node(c)
	}
	switch n.DataAtom {
	case atom.Pre:
		p.pre--
	case atom.Td, atom.Th:
		if p.gap == 0 && n.NextSibling != nil {
			p.out.WriteByte('\t')
			p.space = false
		}
	}
	p.gap = max(p.gap, gaps[n.DataAtom])
}

// head takes the title.
func (p *page) head(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom == atom.Title && c.FirstChild != nil {
			p.title = c.FirstChild.Data
		}
	}
}

// text adds text, with one blank for any run of blank space but where an element keeps it.
func (p *page) text(s string) {
	if p.pre > 0 && strings.TrimSpace(s) != "" {
		p.close()
		p.out.WriteString(s)
		return
	}
	for _, r := range s {
		if unicode.IsSpace(r) {
			p.space = p.out.Len() > 0
			continue
		}
		p.close()
		p.out.WriteRune(r)
	}
}

// close writes the line ends or the blank that are due.
func (p *page) close() {
	switch {
	case p.gap > 0 && p.out.Len() > 0:
		p.out.WriteString("\n\n"[:p.gap])
	case p.space && !bytes.HasSuffix(p.out.Bytes(), []byte("\t")):
		p.out.WriteByte(' ')
	}
	p.gap, p.space = 0, false
}
