package world

import (
	"strconv"
	"strings"
)

// Class is the kind of thing a name stands for.
type Class uint8

const (
	Person Class = iota
	Town
	Firm
	Region
	Job
	Product
	Number
)

const (
	numClasses = 7
	numKinds   = 3 // the first classes are those documents are about
)

var classNames = [numClasses]string{"person", "town", "firm", "region", "job", "product", "number"}

func (c Class) String() string { return classNames[c] }

// Pool is a part of the names of persons, towns and firms. Values of
// the other classes belong to both.
type Pool uint8

const (
	Train   Pool = iota // 48 persons, 32 towns, 32 firms
	HeldOut             // 16 persons, 8 towns, 8 firms
)

const (
	minNumber = 2 // numbers that a document states
	maxNumber = 12
	maxSum    = 2 * maxNumber // numbers that an answer states
)

// Names are a first syllable, which all classes share, and an ending of the class.
const starts = "Tol Kes Nor Bal Dar Fen Gal Har Jor Lin Mor Ras Vel"

var invented = []struct {
	class   Class
	endings string
	count   int
	stride  int // every stride-th name is held out, while heldOut lasts
	heldOut int
}{
	{Person, "an tor wick dell mund", 64, 4, 16},
	{Town, "vale ford ham by", 40, 5, 8},
	{Firm, "bex tec co dyne", 40, 5, 8},
	{Region, "land", 10, 0, 0},
}

// Each pair says the same thing.
const (
	jobs = "doctor/physician lawyer/attorney teacher/tutor sailor/mariner cook/chef driver/coachman " +
		"writer/author soldier/trooper singer/vocalist farmer/grower priest/cleric boss/leader"
	products = "cloth/fabric carpet/rug sofa/couch bucket/pail glue/paste cup/mug " +
		"jacket/coat sack/bag ship/vessel rope/cord lantern/lamp candy/sweets"
)

// lexicon is every name, by what it can be used for.
type lexicon struct {
	members [2][numClasses][]string // by pool; a word and its alias are two members
	class   map[string]Class
	pool    map[string]Pool // persons, towns and firms alone
	alias   map[string]string
}

var names = newLexicon()

func newLexicon() *lexicon {
	l := &lexicon{class: map[string]Class{}, pool: map[string]Pool{}, alias: map[string]string{}}
	both := func(name string, c Class) {
		l.class[name] = c
		for pool := range l.members {
			l.members[pool][c] = append(l.members[pool][c], name)
		}
	}
	first := strings.Fields(starts)
	for _, g := range invented {
		endings := strings.Fields(g.endings)
		for i := range g.count {
			name := first[i%len(first)] + endings[i/len(first)]
			if g.stride == 0 {
				both(name, g.class)
				continue
			}
			pool := Train
			if i%g.stride == g.stride-1 && i/g.stride < g.heldOut {
				pool = HeldOut
			}
			l.class[name], l.pool[name] = g.class, pool
			l.members[pool][g.class] = append(l.members[pool][g.class], name)
		}
	}
	for i, list := range [...]string{jobs, products} {
		for pair := range strings.FieldsSeq(list) {
			word, alias, _ := strings.Cut(pair, "/")
			l.alias[word], l.alias[alias] = alias, word
			both(word, Job+Class(i))
			both(alias, Job+Class(i))
		}
	}
	for n := minNumber; n <= maxNumber; n++ {
		both(strconv.Itoa(n), Number)
	}
	return l
}

// Names returns the names of a class in a pool: subjects of
// documents, or values of facts. A word and its alias are two.
func Names(c Class, p Pool) []string { return append([]string(nil), names.members[p][c]...) }

// Alias returns the other word for a value, if it has one.
func Alias(value string) (string, bool) {
	alias, ok := names.alias[value]
	return alias, ok
}

// Same reports whether two answers mean the same: they are equal, or one is the alias of the other.
// Blank space around an answer does not count. It is the truth of what a verifier is asked.
func Same(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	return a == b || b != "" && names.alias[a] == b
}
