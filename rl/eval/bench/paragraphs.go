package bench

import (
	"fmt"

	"spell/rl/jsonl"
	"spell/rl/records"
)

// HotpotQA and 2WikiMultihopQA hand out their paragraphs as lists of a title and sentences,
//
//	"context": [["Title", ["Sentence.", " Sentence."]], …]
//
// and copies of them on Hugging Face's hub as an object of columns, or as JSON in text:
//
//	"context": {"title": ["Title", …], "sentences": [["Sentence.", …], …]}

// hasParagraphs reports whether a record has a question over such paragraphs.
func hasParagraphs(f fields) bool {
	return f.has("question", "context") && !f.has("input") && !f.has("choice_A")
}

// paragraphs describes a benchmark in such a layout and in that of LongBench, which calls it by another
// name. What its publisher hands out has a field of its own, and none of another one.
func paragraphs(b Benchmark, longBench, own, another string) Benchmark {
	b.Column, b.kind = multiHop, "general_qa"
	b.is = func(f fields) likeness {
		switch {
		case ofLongBench(f, longBench), hasParagraphs(f) && f.has(own) && !f.has(another):
			return sure
		case hasParagraphs(f) && !f.has(own) && !f.has(another):
			return like
		}
		return unlike
	}
	b.read = func(f fields, q *Question) error {
		if hasParagraphs(f) {
			return readParagraphs(f, q)
		}
		return readLongBench(f, q)
	}
	return b
}

// readParagraphs reads a question over such paragraphs.
func readParagraphs(f fields, q *Question) (err error) {
	if q.Text, err = f.text("question"); err != nil {
		return err
	}
	if q.Docs, err = paragraphsOf(f["context"]); err != nil {
		return err
	}
	q.ID = f.optional(f.first("_id", "id"))
	answer, err := f.answer("answer")
	if err != nil {
		return err
	}
	return q.setAnswers(answer)
}

// paragraphsOf returns the documents of a context.
func paragraphsOf(v any) (docs []string, err error) {
	if s, ok := v.(string); ok {
		if v, err = jsonl.Parse([]byte(s)); err != nil {
			return nil, fmt.Errorf("the field \"context\" is text and no list in JSON")
		}
	}
	if columns, ok := v.(map[string]any); ok {
		f := fields(columns)
		titles, err := f.texts("title")
		if err != nil {
			return nil, fmt.Errorf("in \"context\", %w", err)
		}
		texts, err := f.list("sentences")
		if err != nil {
			return nil, fmt.Errorf("in \"context\", %w", err)
		}
		if len(texts) != len(titles) {
			return nil, fmt.Errorf("the field \"context\" has %d titles and %d lists of sentences",
				len(titles), len(texts))
		}
		pairs := make([]any, len(titles))
		for i := range titles {
			pairs[i] = []any{titles[i], texts[i]}
		}
		v = pairs
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("the field \"context\" is %s where paragraphs are wanted", records.Kind(v))
	}
	for i, p := range list {
		pair, _ := p.([]any)
		if len(pair) != 2 {
			return nil, fmt.Errorf("paragraph %d is not a title and its sentences", i+1)
		}
		title, ok := pair[0].(string)
		if !ok {
			return nil, fmt.Errorf("the title of paragraph %d is %s", i+1, records.Kind(pair[0]))
		}
		sentences, err := textsOf("context", pair[1])
		if err != nil {
			return nil, fmt.Errorf("paragraph %d: %w", i+1, err)
		}
		docs = append(docs, passage(title, joined(sentences)))
	}
	return docs, nil
}
