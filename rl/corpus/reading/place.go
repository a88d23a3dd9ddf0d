package reading

import (
	"strings"

	"spell/rl/task"
	"spell/tensor/rng"
)

// placeWords is how many words name a place.
const placeWords = 3

// Place returns the first words of a sentence, or the title of a page, that a question of a task can be asked about;
// of any sentence if none was found. A questioner is shown them.
func (c *Cluster) Place(r *rng.Rand, of task.Task) string {
	if q, ok := newAsking(DefaultTraining().Composed, true).ask(r, c, of); ok {
		return c.placeOf(q)
	}
	c.candidates()
	if len(c.quotes) == 0 {
		return ""
	}
	s := pick(r, c.quotes)
	return beginning(c.docs[s.doc].quote(int(s.word), int(s.word)+s.n))
}

// placeOf returns the words that name the place that a question points at.
func (c *Cluster) placeOf(q Question) string {
	_, s, _ := c.truth(q.Text, q.Task)
	text, _ := s.stated(false)
	return beginning(text)
}

// beginning returns the words that name the place where a text begins.
func beginning(text string) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(placeWords, len(words))], " ")
}
