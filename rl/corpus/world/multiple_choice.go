package world

import (
	"strings"

	"spell/rl/corpus/exercise"
	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// A multiple-choice question asks for a name or a word over one to three hops and offers four of its
// class:
//
//	what is the job of Tolan ? ( A ) cook ( B ) physician ( C ) tutor ( D ) lawyer
//	job Tolan doctor . the answer is physician so ( B ) .
func init() {
	register(task.MultipleChoice, form{
		kinds:    map[Kind]shape{ChoiceOneHop: {hops: 1}, ChoiceTwoHop: {hops: 2}, ChoiceThreeHop: {hops: 3}},
		training: []Kind{Letter},
		read:     parseQuery,
		pose: func(r *rng.Rand, c *Cluster, about query, q *task.Question) {
			q.Options, q.Answer = options(r, q.Answer, about.paths[0].class(), c)
		},
		right: func(t Truth, q task.Question) bool {
			i, ok := exercise.OnlyTrue(q.Options, t.Is)
			return ok && task.Letters[i:i+1] == strings.TrimSpace(q.Answer)
		},
		conclude: func(answer string, q task.Question) (string, bool) {
			i, ok := exercise.OnlyTrue(q.Options, Truth{Answers: []string{answer}}.Is)
			if !ok {
				return "", false
			}
			return exercise.Choose(q.Options, i), true
		},
		finish: exercise.FinishChoice,
		accept: sameOrMatch(task.MultipleChoice),
	})
}

// options returns an answer among three others of its class, and its letter, each equally likely.
// About half of the others are named in the cluster.
func options(r *rng.Rand, answer string, class Class, c *Cluster) (list []string, letter string) {
	near := c.named(class)
	used := func(v string) bool {
		for _, o := range list {
			if Same(o, v) {
				return true
			}
		}
		return Same(answer, v)
	}
	near = shuffle(r, near)
	for len(list) < len(task.Letters)-1 {
		v := pick(r, names.members[c.Pool][class])
		if len(near) > 0 && chance(r, 0.5) {
			v, near = near[0], near[1:]
		}
		if !used(v) {
			list = append(list, v)
		}
	}
	right := r.Intn(len(task.Letters))
	list = append(list[:right], append([]string{answer}, list[right:]...)...)
	return list, task.Letters[right : right+1]
}

// named returns the names and values of a class in the cluster's documents, each once.
func (c *Cluster) named(class Class) []string {
	var list []string
	seen := map[string]bool{}
	add := func(name string, of Class) {
		if of == class && !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, facts := range c.Facts {
		for _, f := range facts {
			add(f.Subject, relations[f.Relation].subject)
			add(f.Value, relations[f.Relation].value)
		}
	}
	return list
}

// anyOptions returns any value of a class among three others, and its index.
func (t *Training) anyOptions(r *rng.Rand, class Class) (list []string, right int) {
	pool := t.opts.Cluster.Pool
	answer := pick(r, names.members[pool][class])
	list, letter := options(r, answer, class, &Cluster{Pool: pool})
	return list, int(letter[0] - task.Letters[0])
}

// offer gives options of a class to a question of no particular
// cluster, with probability p. Numbers get none.
func (t *Training) offer(r *rng.Rand, p float64, class Class, b *Branch, q *task.Question) {
	if class != Number && chance(r, p) {
		b.Task = task.MultipleChoice
		q.Options, _ = t.anyOptions(r, class)
	}
}

// letter returns a branch that lacks only the end of a reply: the prompt has the evidence.
func (t *Training) letter(r *rng.Rand, _ int) Branch {
	var f Fact
	for {
		rel := Relation(r.Intn(numRelations))
		if class := relations[rel].value; class != Number {
			members := &names.members[t.opts.Cluster.Pool]
			f = Fact{pick(r, members[relations[rel].subject]), rel, ""}
			break
		}
	}
	list, right := t.anyOptions(r, relations[f.Relation].value)
	f.Value = list[right]
	if alias, has := Alias(f.Value); has && chance(r, t.opts.Asking.Alias) {
		f.Value = alias
	}
	query := query{paths: []path{{f.Subject, []Relation{f.Relation}}}}
	q := task.Question{Text: query.text(t.opts.Asking.phrasing(r)), Options: list}
	b := Branch{Role: role.Responder, Task: Letter.Task(), Kind: Letter, Reply: exercise.Choose(list, right)}
	_, b.Suffix = t.prompts.Responder(b.Task, nil, q)
	b.Suffix += " " + f.String()
	return b
}
