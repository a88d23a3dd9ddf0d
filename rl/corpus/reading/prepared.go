package reading

import (
	"strings"

	"spell/rl/corpus"
)

// Prepared returns a corpus as its questions and the base for documents read it. Documents begin with the title
// of the file that they are a piece of, so that each says what it is about: pieces are told by their names,
// "file#3", and titles are the first lines of first pieces. Paragraphs are a line each, however they were wrapped,
// and neither blank lines nor runs of spaces are left.
func Prepared(c *corpus.Corpus) *corpus.Corpus {
	titles := map[string]string{}
	for _, cl := range c.Clusters {
		for _, d := range cl.Docs {
			if file, number := fileOf(d.Name); number == "" || number == "1" {
				titles[file] = titleOf(d.Text, lines(d.Text))
			}
		}
	}
	out := &corpus.Corpus{Stats: c.Stats}
	for _, cl := range c.Clusters {
		docs := make([]corpus.Document, len(cl.Docs))
		for i, d := range cl.Docs {
			file, number := fileOf(d.Name)
			if title := titles[file]; title != "" && number != "" && number != "1" {
				d.Text = title + "\n\n" + d.Text
			}
			d.Text = laid(d.Text)
			docs[i] = d
		}
		out.Clusters = append(out.Clusters, corpus.Cluster{Name: cl.Name, Docs: docs})
	}
	return out
}

// laid returns a text with a line for each paragraph.
func laid(text string) string {
	all := lines(text)
	out := make([]string, len(all))
	for i, l := range all {
		out[i] = oneSpace(text[l.start:l.end])
	}
	return strings.Join(out, "\n")
}

// fileOf returns the file that a document is of, and the number of its piece; empty for a whole file.
func fileOf(name string) (file, number string) {
	at := strings.LastIndexByte(name, '#')
	if at < 0 || at+1 == len(name) || strings.Trim(name[at+1:], "0123456789") != "" {
		return name, ""
	}
	return name[:at], name[at+1:]
}
