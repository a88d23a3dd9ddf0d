package build

import (
	"fmt"

	"spell/rl/corpus/filter"
	"spell/rl/settings"
)

// Config is everything that a corpus depends on beside its files.
type Config struct {
	Seed uint64 `json:"seed" group:"the corpus" doc:"of the directions of vectors and of where clusters begin"`

	Field    string `json:"field" group:"reading" doc:"field or column with the text in JSON lines, CSV and Parquet; empty: text, content, body and others that are known"`
	DocChars int    `json:"doc_chars" min:"200" max:"1048576" doc:"most characters of a document in a cluster; longer ones are cut at paragraphs, sentences or words"`

	filter.Config

	Near float64 `json:"near" group:"near-duplicates" min:"0.65" max:"1" doc:"Jaccard similarity of the runs of five words from which on a text is left out as the same as an earlier one; pairs are found by signatures of 128 minima in 32 bands of 4, estimated from those, and then counted exactly"`

	BenchWords int `json:"bench_words" group:"benchmarks" min:"5" max:"100" doc:"words of a run that a document may not have in common with a benchmark"`
	BenchRuns  int `json:"bench_runs" min:"1" max:"1048576" doc:"runs in common from which on a document is left out"`

	Dims   int `json:"dims" group:"clusters" min:"2" max:"512" doc:"directions that vectors of words are reduced to, by a singular value decomposition of the sample"`
	Sample int `json:"sample" min:"16" max:"65536" doc:"documents in the sample that directions and rarity of words are learned from"`
	Target int `json:"target" min:"2" max:"4096" doc:"documents of a cluster, about"`
	Least  int `json:"least" min:"2" max:"4096" doc:"fewest documents of a cluster: one more than a question is shown, so that there is something left to find"`
	Most   int `json:"most" min:"4" max:"8192" doc:"most documents of a cluster"`
}

// Default has the figures of SPELL, Appendix E.1, where it gives any.
func Default() Config {
	return Config{Seed: 1, DocChars: 4000, Config: filter.Default(), Near: 0.8, BenchWords: 13, BenchRuns: 1, Dims: 64,
		Sample: 8192, Target: 20, Least: 6, Most: 32}
}

// Validate refuses what no corpus can be made by, naming the field.
func (c *Config) Validate() error {
	if err := settings.Validate(c); err != nil {
		return err
	}
	switch {
	case c.Most < 2*c.Least:
		return fmt.Errorf("most is %d and least %d; a cluster may have at least twice as many documents as the fewest",
			c.Most, c.Least)
	case c.Target < c.Least || c.Target > c.Most:
		return fmt.Errorf("target is %d; it is between least, %d, and most, %d", c.Target, c.Least, c.Most)
	}
	return nil
}
