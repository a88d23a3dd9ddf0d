package bench

import "fmt"

// FRAMES asks for what follows from two to fifteen Wikipedia articles. Its publisher hands out
// questions with the addresses of the articles,
//
//	Prompt, Answer, reasoning_types, wiki_links
//
// and others the articles beside them: "wiki_items": [{"title": "…", "text": "…"}, …]. Questions
// without articles are read, and told apart.
func init() {
	register(Benchmark{
		Name: "frames", About: "several hops between whole Wikipedia articles", Column: "FRAMES", kind: "general_qa",
		is: func(f fields) likeness {
			question := f.has("Prompt") || f.has("Question")
			if question && (f.has("wiki_items") || f.has("wiki_links") || f.has("reasoning_types")) {
				return sure
			}
			return unlike
		},
		read: readFrames,
	})
}

func readFrames(f fields, q *Question) (err error) {
	if q.Text, err = f.text(f.first("Prompt", "Question")); err != nil {
		return err
	}
	q.ID = f.optional(f.first("id", "_id", "Unnamed: 0", ""))
	if f.has("wiki_items") {
		items, err := f.list("wiki_items")
		if err != nil {
			return err
		}
		for i, v := range items {
			item, _ := v.(map[string]any)
			text, err := fields(item).text("text")
			if err != nil {
				return fmt.Errorf("article %d: %w", i+1, err)
			}
			q.Docs = append(q.Docs, passage(fields(item).optional("title"), text))
		}
	}
	answer, err := f.answer("Answer")
	if err != nil {
		return err
	}
	return q.setAnswers(answer)
}
