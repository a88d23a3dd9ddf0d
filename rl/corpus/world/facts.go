package world

import "strings"

// Relation is what a fact says of its subject.
type Relation uint8

const (
	Home Relation = iota
	Employer
	JobOf
	Rank
	Mayor
	RegionOf
	Size
	Seat
	ProductOf
	Staff
)

const numRelations = 10

// relations lists the word of each relation, the classes of its subject
// and value, and two natural sentences. The subject precedes the value
// in all of them: a causal model finds a value by what stands before it.
var relations = [numRelations]struct {
	word           string
	subject, value Class
	natural        [2]string
}{
	Home:      {"home", Person, Town, [2]string{"S lives in V .", "S has a home in V ."}},
	Employer:  {"employer", Person, Firm, [2]string{"S works for V .", "S is employed by V ."}},
	JobOf:     {"job", Person, Job, [2]string{"S works as a V .", "S has the job of V ."}},
	Rank:      {"rank", Person, Number, [2]string{"S holds rank V .", "S is of rank V ."}},
	Mayor:     {"mayor", Town, Person, [2]string{"S is run by V .", "S has the mayor V ."}},
	RegionOf:  {"region", Town, Region, [2]string{"S lies in V .", "S is part of V ."}},
	Size:      {"size", Town, Number, [2]string{"S has size V .", "S is of size V ."}},
	Seat:      {"seat", Firm, Town, [2]string{"S is based in V .", "S has a seat in V ."}},
	ProductOf: {"product", Firm, Product, [2]string{"S makes the product V .", "S sells the product V ."}},
	Staff:     {"staff", Firm, Number, [2]string{"S employs V people .", "S has a staff of V ."}},
}

func (r Relation) String() string { return relations[r].word }

// relationsOf lists the relations of a class of subject, and byWord names them.
var relationsOf, byWord = func() (of [numKinds][]Relation, by map[string]Relation) {
	by = map[string]Relation{}
	for i, r := range relations {
		of[r.subject] = append(of[r.subject], Relation(i))
		by[r.word] = Relation(i)
	}
	return of, by
}()

// Style is the form of the sentences in documents. Evidence in replies always has the canonical
// form.
type Style uint8

const (
	Canonical Style = iota // "home Tolan Norvale ."
	Natural                // one of two plain sentences: "Tolan lives in Norvale ."
)

// Fact is one sentence of a document.
type Fact struct {
	Subject  string
	Relation Relation
	Value    string
}

// String returns the canonical sentence.
func (f Fact) String() string {
	return f.Relation.String() + " " + f.Subject + " " + f.Value + " ."
}

// natural returns the sentence in one of the two other forms.
func (f Fact) natural(form int) string {
	words := strings.Fields(relations[f.Relation].natural[form])
	for i, w := range words {
		switch w {
		case "S":
			words[i] = f.Subject
		case "V":
			words[i] = f.Value
		}
	}
	return strings.Join(words, " ")
}
