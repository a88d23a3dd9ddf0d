package corpus

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// divided matches the end of the name of a cluster that is one of several which another was divided into.
var divided = regexp.MustCompile(` \(\d+\)$`)

// Whole returns the name of the cluster that one was a part of: "name" of "name (2)".
func Whole(name string) string { return divided.ReplaceAllString(name, "") }

// Division counts what Divide did.
type Division struct {
	Documents int // in the clusters it returned, pieces each counted
	Clusters  int
	Divided   int // clusters that were too large and became several
	Cut       int // documents that were cut into pieces

	// What is in no cluster, so that no prompt shows it: whole documents, or pieces of which the
	// rest is shown.
	Alone   int // the only document of its cluster, and not to be cut in two
	TooLong int // too long for limit, and not to be cut any shorter
}

// Unread returns the number of documents that are in no cluster.
func (d Division) Unread() int { return d.Alone + d.TooLong }

// Room is what a prompt has room for.
type Room struct {
	Tokens int // of its documents together, each one more than it has
	Docs   int
	// Least is the size from which the clusters vary that a larger one becomes, up to Tokens. If it is 0, or Tokens
	// or more, they are of about even size.
	Least int
}

// Divide returns the clusters of c fitted to a prompt. Every cluster it returns has at least two documents and not more
// than there is room for; tokens returns the number of tokens of each of its texts.
//
// A cluster that is so stays as it is. A larger one becomes several, "name", "name (2)" and so on, each of documents
// that share words. Documents keep their order. A document of more than half the tokens there is room for, which might
// leave none for a second one, is first cut into pieces at the ends of paragraphs, sentences or words, named as the
// document with "#1", "#2" and so on behind. The only document of a cluster is cut in two.
//
// The same corpus and sizes give the same clusters. Once ctx is done, Divide returns ctx.Err() as
// soon as tokens returns; there is no other error.
func Divide(ctx context.Context, c *Corpus, r Room, tokens func([]string) []int) ([]Cluster, Division, error) {
	d := &divider{ctx: ctx, limit: r.Tokens, least: r.Least, maxDocs: r.Docs, tokens: tokens, taken: map[string]bool{}}
	for _, cl := range c.Clusters {
		d.taken[cl.Name] = true
		for _, doc := range cl.Docs {
			d.taken[doc.Name] = true
		}
	}
	var out []Cluster
	for _, cl := range c.Clusters {
		if err := ctx.Err(); err != nil {
			return nil, Division{}, err
		}
		clusters, err := d.cluster(cl)
		if err != nil {
			return nil, Division{}, err
		}
		for _, x := range clusters {
			d.stats.Documents += len(x.Docs)
		}
		out = append(out, clusters...)
	}
	d.stats.Clusters = len(out)
	return out, d.stats, nil
}

type divider struct {
	ctx     context.Context
	limit   int
	least   int
	maxDocs int
	tokens  func([]string) []int
	taken   map[string]bool // names of documents and clusters
	stats   Division
}

// sized is a document and the room it takes in a prompt.
type sized struct {
	Document
	size int
}

// measure returns documents with their sizes.
func (d *divider) measure(docs []Document) []sized {
	texts := make([]string, len(docs))
	for i, doc := range docs {
		texts[i] = doc.Text
	}
	out := make([]sized, len(docs))
	for i, n := range d.tokens(texts) {
		out[i] = sized{docs[i], n + 1}
	}
	return out
}

// cluster returns the clusters that one becomes.
func (d *divider) cluster(c Cluster) ([]Cluster, error) {
	docs := d.measure(c.Docs)
	if len(docs) > 1 && len(docs) <= d.maxDocs && total(docs) <= d.limit {
		return []Cluster{c}, nil
	}
	if d.maxDocs < 2 {
		d.stats.TooLong += len(docs)
		return nil, nil
	}
	docs, err := d.shorten(docs)
	if err != nil {
		return nil, err
	}
	groups, err := d.group(docs)
	if err != nil {
		return nil, err
	}
	if len(groups) > 1 {
		d.stats.Divided++
	}
	out := make([]Cluster, len(groups))
	for i, g := range groups {
		out[i].Name = c.Name
		if i > 0 {
			out[i].Name = d.name(c.Name, " (%d)", i+1)
		}
		for _, doc := range g {
			out[i].Docs = append(out[i].Docs, doc.Document)
		}
	}
	return out, nil
}

// fewestTokens is the size of a piece below which cutting documents would leave nothing worth
// asking about.
const fewestTokens = 16

// shorten cuts the documents of more than half the limit.
func (d *divider) shorten(docs []sized) (out []sized, err error) {
	for _, doc := range docs {
		switch {
		case doc.size <= d.limit/2:
			out = append(out, doc)
		case d.limit/2 <= fewestTokens:
			d.stats.TooLong++
		default:
			pieces, err := d.cut(doc)
			if err != nil {
				return nil, err
			}
			out = append(out, pieces...)
		}
	}
	return out, nil
}

// cut cuts a document into pieces of at most half the limit.
func (d *divider) cut(doc sized) ([]sized, error) {
	pieces := []sized{doc} // in their order; some may still be too long
	for {
		var next []Document
		cut := false
		for _, p := range pieces {
			chars := utf8.RuneCountInString(p.Text)
			if p.size <= d.limit/2 || chars == 1 {
				next = append(next, p.Document)
				continue
			}
			cut = true
			parts := ceilDiv(p.size+p.size/8, d.limit/2) // an eighth more, since some text has more tokens than other
			for text := range Cut(p.Text, ceilDiv(chars, parts)) {
				next = append(next, Document{Text: text})
			}
		}
		if !cut {
			break
		}
		if err := d.ctx.Err(); err != nil {
			return nil, err
		}
		pieces = d.measure(next)
	}
	fits := slices.DeleteFunc(pieces, func(p sized) bool { return p.size > d.limit/2 })
	d.stats.TooLong += len(pieces) - len(fits)
	d.stats.Cut++
	for i := range fits {
		fits[i].Name = d.name(doc.Name, "#%d", i+1)
	}
	return fits, nil
}

// halve cuts a document that is alone in two, or returns nothing and counts it.
func (d *divider) halve(doc sized) []sized {
	text, first := strings.TrimSpace(doc.Text), ""
	for first = range Cut(text, ceilDiv(utf8.RuneCountInString(text), 2)) {
		break
	}
	halves := d.measure([]Document{{Text: first}, {Text: strings.TrimSpace(text[len(first):])}})
	if halves[1].Text == "" || total(halves) > d.limit {
		d.stats.Alone++
		return nil
	}
	d.stats.Cut++
	for i := range halves {
		halves[i].Name = d.name(doc.Name, "#%d", i+1)
	}
	return halves
}

// name returns a name that no document or cluster has, base with a number behind that is n if
// possible.
func (d *divider) name(base, format string, n int) string {
	for {
		name := base + fmt.Sprintf(format, n)
		if !d.taken[name] {
			d.taken[name] = true
			return name
		}
		n++
	}
}

func total(docs []sized) (n int) {
	for _, doc := range docs {
		n += doc.size
	}
	return n
}
