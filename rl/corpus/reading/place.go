package reading

import (
	"strings"

	"spell/rl/task"
	"spell/tensor/rng"
)

// placeWords is how many words name a place.
const placeWords = 3

// Place returns the first words of a sentence, or the title of a page and the first words of a field, that a question
// of a task can be asked about, with the right option at a letter if there are options. A questioner is shown them. If
// nothing was found to ask of that task, ok is false and the words are of any sentence.
func (c *Cluster) Place(r *rng.Rand, of task.Task, letter string) (words string, ok bool) {
	asking := newAsking(DefaultTraining().Composed, true)
	for range tries {
		q, ok := asking.ask(r, c, of)
		if !ok {
			break
		}
		if !of.NeedsLetter() || q.Answer == letter {
			return c.placeOf(q), true
		}
		delete(asking.asked, q.Text) // it may come with another letter
	}
	c.candidates()
	if len(c.quotes) == 0 {
		return "", false
	}
	s := pick(r, c.quotes)
	return beginning(c.docs[s.doc].quote(int(s.word), int(s.word)+s.n), placeWords), false
}

// placeOf returns the words that name the place that a question points at.
func (c *Cluster) placeOf(q Question) string {
	_, s, _ := c.truth(q.Text, q.Task)
	text, _ := s.stated(false)
	n := placeWords
	if s.form == fieldOfPage {
		n += len(strings.Fields(c.docs[s.docs[0]].title + titleMark))
	}
	return beginning(text, n)
}

// beginning returns the first n words of a text.
func beginning(text string, n int) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(n, len(words))], " ")
}
