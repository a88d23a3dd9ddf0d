package spell

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"spell/rl/corpus"
	"spell/rl/task"
)

// A Source is clusters of one origin, which have kinds of questions and a number of documents of their own.
type Source struct {
	Match string      `json:"match" doc:"a folder, or a pattern of folders or files in which * is any text without a slash, such as filings, web/* or *.md; a cluster is of the first source that its first document matches"`
	Tasks []task.Task `json:"tasks" doc:"kinds of questions about these, of those in tasks; empty: all"`
	Docs  int         `json:"docs" min:"0" max:"1073741824" doc:"m of these; 0: as others"`
}

// piece matches what a piece of a document has behind its name.
var piece = regexp.MustCompile(`#[0-9]+$`)

// matches reports whether a document is of the source: its path, a folder above it or its last name is what the
// pattern says.
func (s *Source) matches(document string) bool {
	document = piece.ReplaceAllString(document, "")
	is := func(name string) bool {
		ok, err := path.Match(s.Match, name)
		return ok && err == nil
	}
	for above := document; above != "." && above != "/"; above = path.Dir(above) {
		if is(above) {
			return true
		}
	}
	return is(path.Base(document))
}

// sourceOf returns the source of a cluster, nil if it is of none.
func (c *Config) sourceOf(k corpus.Cluster) *Source {
	i := slices.IndexFunc(c.Sources, func(s Source) bool { return len(k.Docs) > 0 && s.matches(k.Docs[0].Name) })
	if i < 0 {
		return nil
	}
	return &c.Sources[i]
}

// asks reports whether questions of a kind are asked about a source; nil is that of clusters of none.
func (s *Source) asks(t task.Task) bool {
	return s == nil || len(s.Tasks) == 0 || slices.Contains(s.Tasks, t)
}

// validateSources refuses sources that no cluster can be of.
func (c *Config) validateSources() error {
	for i, s := range c.Sources {
		if _, err := path.Match(s.Match, ""); err != nil || s.Match == "" {
			return fmt.Errorf("sources.%d.match is %q; write a folder's name or a pattern such as web/* or *.md", i,
				s.Match)
		}
		for _, t := range s.Tasks {
			if !slices.Contains(c.Tasks, t) {
				return fmt.Errorf("sources.%d.tasks has %s, which tasks has not; add it there", i, t)
			}
		}
	}
	return nil
}

// matched refuses sources that no document is of, and kinds of questions that no source asks.
func (c *Config) matched(docs *corpus.Corpus) error {
	var of []*Source
	for _, k := range docs.Clusters {
		of = append(of, c.sourceOf(k))
	}
	for i := range c.Sources {
		if !slices.Contains(of, &c.Sources[i]) {
			name := "there are none"
			if len(docs.Clusters) > 0 && len(docs.Clusters[0].Docs) > 0 {
				name = fmt.Sprintf("the first one is %s", docs.Clusters[0].Docs[0].Name)
			}
			return fmt.Errorf("sources.%d.match %q is no document's that an earlier source has not; %s", i,
				c.Sources[i].Match, name)
		}
	}
	for _, t := range c.Tasks {
		if len(of) > 0 && !slices.ContainsFunc(of, func(s *Source) bool { return s.asks(t) }) {
			return fmt.Errorf("%s is one of tasks, and no source asks it; take it off tasks or add it to the tasks of "+
				"a source", t)
		}
	}
	return nil
}
