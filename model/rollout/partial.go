package rollout

// Interrupted is the reason of an answer that Partial hands out and that had not ended.
const Interrupted Finish = "interrupted"

// Partial returns what the last Serve, or Generate, left undone because its context was cancelled:
// a result for each request that was not handed out, in the order of submission, with its answers
// as far as they had come. An answer of which no token was drawn is empty, and a request that was
// not admitted has none. After a Serve that ended in another way there is nothing.
func (e *Engine) Partial() []Result {
	results := make([]Result, 0, len(e.cut))
	for _, s := range e.cut {
		r := s.result()
		for i := range r.Answers {
			if a := &r.Answers[i]; a.Finish == "" {
				a.Finish = Interrupted
			}
		}
		results = append(results, r)
	}
	return results
}
