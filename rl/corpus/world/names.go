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
	Train   Pool = iota // 72 persons, as many towns and firms
	HeldOut             // 24 persons, as many towns and firms
)

const (
	minNumber = 2 // numbers that a document states
	maxNumber = 12
	maxTerms  = 3
	maxSum    = maxTerms * maxNumber // numbers that an answer states
)

// Names are a first syllable, which all classes share, and an ending of the class.
const starts = "Tol Kes Nor Bal Dar Fen Gal Har Jor Lin Mor Ras Vel Bor Cal Dun Gil Hol Kir Mel Pel Sor Tam Ulm"

var invented = []struct {
	class   Class
	endings string
	starts  int  // of these the first
	pooled  bool // one name in four is held out
}{
	{Person, "an tor wick dell", 24, true},
	{Town, "vale ford ham by", 24, true},
	{Firm, "bex tec co dyne", 24, true},
	{Region, "land", 10, false},
}

// heldOut reports whether a name is held out. Each start and each ending has names in both pools.
func heldOut(start, ending int) bool { return (start+ending)%4 == 3 }

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
		for e, ending := range strings.Fields(g.endings) {
			for s, start := range first[:g.starts] {
				name := start + ending
				if !g.pooled {
					both(name, g.class)
					continue
				}
				pool := Train
				if heldOut(s, e) {
					pool = HeldOut
				}
				l.class[name], l.pool[name] = g.class, pool
				l.members[pool][g.class] = append(l.members[pool][g.class], name)
			}
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
