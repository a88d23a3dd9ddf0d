package tokenizer

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// learner holds the pieces of the training texts as they merge. Counts of pairs are kept
// up to date piece by piece: a merge costs time only where it happens.
type learner struct {
	words  []word
	tokens []string
	ids    map[string]int32
	merges []learned

	counts map[pair]int64   // occurrences of each pair in all texts
	where  map[pair][]int32 // words that have, or had, the pair
	queue  heap[frequency]  // may overstate a count, never understates it
}

// word is a distinct piece: the tokens it consists of so far, and how often it occurs.
type word struct {
	ids   []int32
	count int64
}

type pair struct{ left, right int32 }

type learned struct {
	pair pair
	id   int32
}

// frequency orders pairs: the most frequent first, then by lower ids.
type frequency struct {
	count int64
	pair  pair
}

func (a frequency) Before(b frequency) bool {
	switch {
	case a.count != b.count:
		return a.count > b.count
	case a.pair.left != b.pair.left:
		return a.pair.left < b.pair.left
	}
	return a.pair.right < b.pair.right
}

// countPieces cuts texts into pieces and counts the distinct ones. Counts are behind
// pointers so that a known piece costs one look-up, and keys are copies so that no text is
// kept for a piece of it.
func countPieces(texts iter.Seq[string], pattern Pattern) map[string]*int64 {
	counts := make(map[string]*int64)
	for text := range texts {
		for len(text) > 0 {
			n := pattern.next(text)
			count := counts[text[:n]]
			if count == nil {
				count = new(int64)
				counts[strings.Clone(text[:n])] = count
			}
			*count++
			text = text[n:]
		}
	}
	return counts
}

// newLearner starts from single bytes, numbered as GPT-2 does: in the order of their
// characters in the byte-level alphabet.
func newLearner(pieces map[string]*int64) *learner {
	l := &learner{
		ids:    make(map[string]int32),
		counts: make(map[pair]int64),
		where:  make(map[pair][]int32),
	}
	var byteIDs [256]int32
	for _, b := range runeBytes {
		if b >= 0 {
			byteIDs[b] = l.token(string([]byte{byte(b)}))
		}
	}
	for _, piece := range slices.Sorted(maps.Keys(pieces)) {
		w := word{ids: make([]int32, len(piece)), count: *pieces[piece]}
		for i := range w.ids {
			w.ids[i] = byteIDs[piece[i]]
		}
		l.words = append(l.words, w)
		for i := range len(piece) - 1 {
			l.add(pair{w.ids[i], w.ids[i+1]}, len(l.words)-1)
		}
	}
	for p, count := range l.counts {
		l.queue = append(l.queue, frequency{count, p})
	}
	l.queue.order()
	return l
}

// token returns the id of a token, new or not: two merges may spell the same bytes.
func (l *learner) token(bytes string) int32 {
	id, ok := l.ids[bytes]
	if !ok {
		id = int32(len(l.tokens))
		l.ids[bytes] = id
		l.tokens = append(l.tokens, bytes)
	}
	return id
}

// add counts one more place in word w where p occurs.
func (l *learner) add(p pair, w int) {
	l.counts[p] += l.words[w].count
	list := l.where[p]
	if len(list) == 0 || list[len(list)-1] != int32(w) {
		l.where[p] = append(list, int32(w))
	}
}

// learn merges until the vocabulary has size tokens or no pair occurs twice.
func (l *learner) learn(size int) {
	fresh := make(map[pair]bool) // pairs that the current merge made
	for len(l.tokens) < size && len(l.queue) > 0 {
		top := l.queue.pop()
		if count := l.counts[top.pair]; count != top.count {
			if count > 0 {
				l.queue.push(frequency{count, top.pair})
			}
			continue
		}
		if top.count < 2 {
			return
		}
		p := top.pair
		id := l.token(l.tokens[p.left] + l.tokens[p.right])
		l.merges = append(l.merges, learned{p, id})
		for _, w := range l.where[p] {
			l.join(int(w), p, id, fresh)
		}
		delete(l.counts, p)
		delete(l.where, p)
		for f := range fresh {
			if count := l.counts[f]; count > 0 {
				l.queue.push(frequency{count, f})
			}
		}
		clear(fresh)
	}
}

// join replaces p by id wherever it occurs in word w and moves the counts of the pairs
// around it.
func (l *learner) join(w int, p pair, id int32, fresh map[pair]bool) {
	word := &l.words[w]
	ids, out := word.ids, word.ids[:0]
	for i := 0; i < len(ids); i++ {
		if ids[i] != p.left || i+1 == len(ids) || ids[i+1] != p.right {
			out = append(out, ids[i])
			continue
		}
		if len(out) > 0 {
			last := out[len(out)-1]
			l.counts[pair{last, p.left}] -= word.count
			l.add(pair{last, id}, w)
			fresh[pair{last, id}] = true
		}
		if i+2 < len(ids) {
			next := ids[i+2]
			l.counts[pair{p.right, next}] -= word.count
			l.add(pair{id, next}, w)
			fresh[pair{id, next}] = true
		}
		out = append(out, id)
		i++
	}
	word.ids = out
}
