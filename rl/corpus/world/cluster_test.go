package world

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func mustGenerate(t testing.TB, seed, index uint64, opts Options) *Cluster {
	t.Helper()
	c, err := Generate(seed, index, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNames(t *testing.T) {
	counts := map[Class][2]int{
		Person: {72, 24}, Town: {72, 24}, Firm: {72, 24}, Region: {10, 10},
		Job: {24, 24}, Product: {24, 24}, Number: {11, 11},
	}
	pool := map[string]Pool{}
	for c, want := range counts {
		for _, p := range []Pool{Train, HeldOut} {
			list := Names(c, p)
			if len(list) != want[p] {
				t.Errorf("%v, pool %d: %d names, want %d", c, p, len(list), want[p])
			}
			for _, name := range list {
				if names.class[name] != c {
					t.Errorf("%s is a %v and a %v", name, c, names.class[name])
				}
				if other, twice := pool[name]; twice && (c < numKinds || other == p) {
					t.Errorf("%s appears twice", name)
				}
				pool[name] = p
				if c != Number && !regexp.MustCompile(`^[A-Z]?[a-z]+$`).MatchString(name) {
					t.Errorf("%q is not one word of letters", name)
				}
				alias, has := Alias(name)
				if has != (c == Job || c == Product) {
					t.Errorf("%s has an alias: %v", name, has)
				}
				if back, _ := Alias(alias); has && (back != name || alias == name || names.class[alias] != c) {
					t.Errorf("the alias of %s is %s, whose alias is %s", name, alias, back)
				}
			}
		}
	}
	// Cover exact match looks for the reference inside the prediction, so no word may hold another.
	words := Vocabulary()
	for _, a := range words {
		for _, b := range words {
			c, isName := names.class[a]
			part := a != b && strings.Contains(strings.ToLower(b), strings.ToLower(a))
			if isName && c != Number && part {
				t.Errorf("%s is part of %s", a, b)
			}
		}
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"doctor", "physician", true}, {"physician", " doctor", true}, {"doctor", "doctor", true},
		{"7", "7", true}, {"unheard", "unheard", true}, {"doctor", "lawyer", false}, {"", "doctor", false},
		{"Tolan", "", false}, {"7", "8", false},
	} {
		if Same(tt.a, tt.b) != tt.want {
			t.Errorf("Same(%q, %q) is %v", tt.a, tt.b, !tt.want)
		}
	}
}

var sentence = regexp.MustCompile(`([a-z]+) ([A-Z][a-z]+) ([A-Za-z0-9]+) \.`)

// readFacts reads canonical documents with a regular expression: "home of Tolan" → "Norvale".
func readFacts(t *testing.T, c *Cluster) map[string]string {
	facts := map[string]string{}
	for d, doc := range c.Docs {
		found := sentence.FindAllStringSubmatch(doc.Text, -1)
		whole := make([]string, len(found))
		for i, m := range found {
			whole[i] = m[0]
			key := m[1] + " of " + m[2]
			if _, twice := facts[key]; twice {
				t.Fatalf("%s: two values of the %s", c.Name, key)
			}
			facts[key] = m[3]
			if m[2] != doc.Name {
				t.Fatalf("%s: document %s says something of %s", c.Name, doc.Name, m[2])
			}
			if want := (Fact{m[2], byWord[m[1]], m[3]}); c.Facts[d][i] != want {
				t.Fatalf("%s: fact %v, text %v", c.Name, c.Facts[d][i], want)
			}
		}
		if strings.Join(whole, " ") != doc.Text || len(whole) < 3 || len(whole) > 4 {
			t.Fatalf("%s: %q is not three or four canonical sentences", c.Name, doc.Text)
		}
	}
	return facts
}

func TestGenerate(t *testing.T) {
	for _, opts := range []Options{
		{Docs: 1}, {Docs: 3}, {Docs: 3, Chains: true}, {Docs: 1, MaxDocs: 4}, {Docs: 16, Chains: true}, {Docs: 64}, {Docs: 64, Chains: true},
		{Docs: 32, Kinds: Homogeneous}, {Docs: 64, Kinds: Homogeneous},
		{Docs: 64, Pool: HeldOut}, {Docs: 40, Pool: HeldOut, Chains: true}, {Docs: 8, Pool: HeldOut, Kinds: Homogeneous},
		{Docs: 24, Pool: HeldOut, Kinds: Homogeneous},
	} {
		sizes := map[int]int{}
		for i := range uint64(60) {
			c := mustGenerate(t, 3, i, opts)
			if !reflect.DeepEqual(c, mustGenerate(t, 3, i, opts)) {
				t.Fatalf("%+v: two clusters of one index differ", opts)
			}
			sizes[len(c.Docs)]++
			readFacts(t, c)
			entities, classes := map[string]bool{}, map[Class]int{}
			for _, doc := range c.Docs {
				entities[doc.Name] = true
				classes[names.class[doc.Name]]++
			}
			if len(entities) != len(c.Docs) {
				t.Errorf("%s: %d entities in %d documents", c.Name, len(entities), len(c.Docs))
			}
			if opts.Kinds == Homogeneous && len(classes) != 1 || opts.Chains && opts.Docs >= 3 && len(classes) != 3 {
				t.Errorf("%+v: classes %v", opts, classes)
			}
			for _, facts := range c.Facts {
				for _, f := range facts {
					for _, name := range []string{f.Subject, f.Value} {
						if p, pooled := names.pool[name]; pooled && p != opts.Pool {
							t.Errorf("%s of pool %d in a cluster of pool %d", name, p, opts.Pool)
						}
					}
				}
			}
		}
		for n := range sizes {
			if n < opts.Docs || n > opts.most() || len(sizes) != opts.most()-opts.Docs+1 {
				t.Errorf("%+v: numbers of documents %v", opts, sizes)
			}
		}
	}
	one, otherIndex := mustGenerate(t, 3, 0, Options{Docs: 8}), mustGenerate(t, 3, 1, Options{Docs: 8})
	otherSeed := mustGenerate(t, 4, 0, Options{Docs: 8})
	if reflect.DeepEqual(one.Docs, otherIndex.Docs) || reflect.DeepEqual(one.Docs, otherSeed.Docs) {
		t.Error("the index or the seed does not matter")
	}
	for _, opts := range []Options{
		{}, {Docs: -1}, {Docs: 65}, {Docs: 3, MaxDocs: 65}, {Docs: 65, Pool: HeldOut},
		{Docs: 65, Kinds: Homogeneous}, {Docs: 25, Kinds: Homogeneous, Pool: HeldOut},
	} {
		if _, err := Generate(1, 1, opts); err == nil {
			t.Errorf("%+v: no error", opts)
		}
	}
}

func TestLinked(t *testing.T) {
	for _, tt := range []struct{ linked, want float64 }{{0, 0.85}, {0.4, 0.4}, {-1, 0}, {1, 1}} {
		var references, links int
		for i := range uint64(200) {
			c := mustGenerate(t, 5, i, Options{Docs: 12, Chains: true, Linked: tt.linked})
			for _, facts := range c.Facts {
				for _, f := range facts {
					if relations[f.Relation].value < numKinds {
						references++
						if _, known := c.docOf[f.Value]; known {
							links++
						}
					}
				}
			}
		}
		if got := float64(links) / float64(references); got < tt.want-0.03 || got > tt.want+0.03 {
			t.Errorf("Linked %g: %g of %d references are links", tt.linked, got, references)
		}
	}
}

// In natural sentences the subject comes before the value, and all of a document's facts are there.
func TestNaturalStyle(t *testing.T) {
	seen := map[string]bool{}
	for i := range uint64(300) {
		c := mustGenerate(t, 1, i, Options{Docs: 3, Style: Natural})
		for d, doc := range c.Docs {
			sentences := strings.SplitAfter(doc.Text, " . ")
			if len(sentences) != len(c.Facts[d]) {
				t.Fatalf("%q has %d sentences for %d facts", doc.Text, len(sentences), len(c.Facts[d]))
			}
			for s, f := range c.Facts[d] {
				words := strings.Fields(sentences[s])
				rest := strings.Join(words[1:], " ")
				once := strings.Count(" "+rest+" ", " "+f.Value+" ") == 1
				if words[0] != f.Subject || !once || words[len(words)-1] != "." {
					t.Fatalf("%q does not say %v", sentences[s], f)
				}
				seen[strings.ReplaceAll(rest, f.Value, "V")] = true
			}
		}
	}
	if len(seen) != 2*numRelations {
		t.Errorf("%d forms of sentences, want %d", len(seen), 2*numRelations)
	}
}

func TestNewCorpus(t *testing.T) {
	w, err := NewCorpus(9, 30, Options{Docs: 12, MaxDocs: 16})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := NewCorpus(9, 30, Options{Docs: 12, MaxDocs: 16})
	if !reflect.DeepEqual(w, again) {
		t.Error("two corpora of one seed differ")
	}
	seen := map[string]bool{}
	documents := 0
	for _, c := range w.Clusters {
		known, ok := w.Cluster(c.Name)
		if !ok || !reflect.DeepEqual(known.Cluster, c) {
			t.Errorf("%s is not what the corpus keeps of it", c.Name)
		}
		for _, d := range c.Docs {
			seen[d.Name] = true
			documents++
		}
	}
	if len(w.Clusters) != 30 || len(seen) != documents || w.Stats.Documents != documents || w.Stats.Clusters != 30 {
		t.Errorf("%d clusters, %d names of %d documents, %+v", len(w.Clusters), len(seen), documents, w.Stats)
	}
	if _, ok := w.Cluster("nowhere"); ok {
		t.Error("an unknown cluster is found")
	}
	for _, n := range []int{0, -3} {
		if _, err := NewCorpus(1, n, Options{Docs: 3}); err == nil {
			t.Errorf("%d clusters: no error", n)
		}
	}
	if _, err := NewCorpus(1, 1, Options{}); err == nil {
		t.Error("no documents: no error")
	}
}
