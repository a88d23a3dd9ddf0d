package reading

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"spell/rl/corpus"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// verify returns a branch that asks whether two answers to a question are the same. Some that are look
// otherwise, and those that are not are near: another figure or name of the documents, or the same with a
// digit, a letter or a word changed.
func (t *Training) verify(r *rng.Rand, c *Cluster, a *asking, same bool) (b Branch, ok bool) {
	voted := slices.DeleteFunc(Tasks(), task.Task.NeedsLetter) // letters are not voted on
	q, ok := a.ask(r, c, pick(r, voted))
	if !ok {
		return b, false
	}
	other, ok := c.respell(r, q.Answer, same)
	if !ok {
		return b, false
	}
	b = Branch{Role: role.Verifier, Task: q.Task, Kind: Verify, Reply: " no ."}
	if same {
		b.Reply = " yes ."
	}
	first, second := other, q.Answer
	if chance(r, 0.5) {
		first, second = second, first
	}
	b.Suffix = t.prompts.Verifier(task.Question{Text: q.Text}, first, second)
	return b, true
}

// further is the index from which on examples are none of training.
const further = 1 << 60

// Pairs returns n pairs of answers as a verifier is asked about them, with the gold votes, on passages as those of
// training; fewer if so few were found. The error is that of NewTraining, or of the context if it ends before.
func Pairs(ctx context.Context, prompts *role.Prompts, docs *corpus.Corpus, measure func(string) int, o TrainingOptions,
	seed uint64, n int) (pairs []Branch, err error) {

	o.Documents, o.Verifier, o.Grounding, o.Arithmetic = 0, 1, 0, 0
	t, err := NewTraining(prompts, docs, measure, o)
	if err != nil {
		return nil, err
	}
	for i := uint64(0); len(pairs) < n && i < uint64(100+20*n); i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		pairs = append(pairs, t.Example(seed, further|i).Branches...)
	}
	return pairs[:min(n, len(pairs))], nil
}

// respell returns an answer that is the same as another or, if that is not wanted, nearly so.
func (c *Cluster) respell(r *rng.Rand, answer string, same bool) (string, bool) {
	if same && chance(r, 0.25) {
		return answer, true
	}
	ways := differing
	if same {
		ways = alikes
	}
	for range tries {
		other := ""
		if !same && chance(r, 0.35) {
			other = c.nearby(r, answer)
		} else {
			other = oneSpace(pick(r, ways)(r, answer))
		}
		if other != "" && other != answer && plain(other) && Same(other, answer) == same {
			return other, true
		}
	}
	return answer, same
}

// nearby returns a span of the documents that is of the class of an answer.
func (c *Cluster) nearby(r *rng.Rand, answer string) string {
	of := []class{name, name, rare}[r.Intn(3)]
	if strings.ContainsFunc(answer, unicode.IsDigit) {
		of = figure
	}
	if len(c.spans[of]) == 0 {
		return ""
	}
	return c.text(pick(r, c.spans[of]).span)
}

// A respelling writes an answer in another way.
type respelling func(r *rng.Rand, s string) string

// alikes are respellings that mostly mean the same.
var alikes = []respelling{
	func(_ *rng.Rand, s string) string { return strings.ToLower(s) },
	func(_ *rng.Rand, s string) string { return strings.ToUpper(s) },
	func(_ *rng.Rand, s string) string { return "the " + s },
	func(_ *rng.Rand, s string) string { return strings.TrimPrefix(s, "the ") },
	func(r *rng.Rand, s string) string { return s + []string{".", ",", ";"}[r.Intn(3)] },
	func(_ *rng.Rand, s string) string { return `"` + s + `"` },
	func(_ *rng.Rand, s string) string { return strings.NewReplacer(".", "", "-", " ", "'", "").Replace(s) },
	func(_ *rng.Rand, s string) string { return strings.ReplaceAll(s, ",", "") },
	func(_ *rng.Rand, s string) string { return eachNumber(s, grouped) },
	func(_ *rng.Rand, s string) string { return eachNumber(s, inWords) },
	func(_ *rng.Rand, s string) string { return strings.ReplaceAll(s, "%", " percent") },
	func(_ *rng.Rand, s string) string { return strings.ReplaceAll(s, "%", " %") },
	func(_ *rng.Rand, s string) string {
		if rest, ok := strings.CutPrefix(s, "$"); ok {
			return rest + " dollars"
		}
		return s
	},
	func(_ *rng.Rand, s string) string { return strings.Replace(s, " percent", "%", 1) },
}

// differing are respellings that mostly mean something else.
var differing = []respelling{
	func(r *rng.Rand, s string) string {
		return atDigit(r, s, func(d byte) string { return string('0' + (d-'0'+1)%10) })
	},
	func(r *rng.Rand, s string) string {
		return atDigit(r, s, func(d byte) string { return string(d) + "0" })
	},
	func(r *rng.Rand, s string) string {
		return atDigit(r, s, func(d byte) string { return string(d) + string(d) })
	},
	func(r *rng.Rand, s string) string { return atDigit(r, s, func(byte) string { return "" }) },
	swapped,
	func(r *rng.Rand, s string) string {
		return atDigit(r, s, func(d byte) string { return "." + string(d) })
	},
	func(_ *rng.Rand, s string) string { return strings.ReplaceAll(s, "%", "") },
	func(_ *rng.Rand, s string) string {
		return strings.NewReplacer("million", "billion", "billion", "million").Replace(s)
	},
	func(_ *rng.Rand, s string) string { return strings.NewReplacer("$", "€", "€", "$").Replace(s) },
	func(r *rng.Rand, s string) string { // a word less
		words := strings.Fields(s)
		if len(words) < 2 {
			return s
		}
		at := r.Intn(len(words))
		return strings.Join(append(words[:at:at], words[at+1:]...), " ")
	},
	func(r *rng.Rand, s string) string {
		return pick(r, []string{"North", "New", "former", "not", "old"}) + " " + s
	},
	func(r *rng.Rand, s string) string { // a letter less
		runes := []rune(s)
		if len(runes) < 5 || strings.ContainsFunc(s, unicode.IsDigit) {
			return s
		}
		at := 1 + r.Intn(len(runes)-1)
		return string(append(runes[:at:at], runes[at+1:]...))
	},
}

// atDigit puts something in place of a random digit.
func atDigit(r *rng.Rand, s string, by func(d byte) string) string {
	var at []int
	for i := range len(s) {
		if digit(s, i) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return s
	}
	i := pick(r, at)
	return s[:i] + by(s[i]) + s[i+1:]
}

// swapped exchanges two digits that stand beside each other.
func swapped(r *rng.Rand, s string) string {
	var at []int
	for i := range len(s) {
		if digit(s, i) && digit(s, i+1) && s[i] != s[i+1] {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return s
	}
	i := pick(r, at)
	return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
}

// eachNumber writes the words that are whole numbers in another way.
func eachNumber(s string, way func(digits string) string) string {
	words := strings.Fields(s)
	for i, w := range words {
		if bare := strings.ReplaceAll(w, ",", ""); bare != "" && strings.Trim(bare, "0123456789") == "" {
			words[i] = way(bare)
		}
	}
	return strings.Join(words, " ")
}

// grouped writes the digits of a number in threes.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// inWords spells a number below a hundred.
func inWords(digits string) string {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n >= 100 {
		return digits
	}
	spell := func(of map[string]int64, v int64) string {
		for w, value := range of { // one word has the value
			if value == v {
				return w
			}
		}
		return digits
	}
	switch unit := n % 10; {
	case n < 20:
		return spell(small, n)
	case unit == 0:
		return spell(tens, n/10)
	default:
		return spell(tens, n/10) + "-" + spell(small, unit)
	}
}
