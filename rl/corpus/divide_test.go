package corpus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// someTokens counts like a tokenizer: by characters, and more of them where there are few letters.
func someTokens(texts []string) []int {
	out := make([]int, len(texts))
	for i, text := range texts {
		for _, r := range text {
			if r > 'z' {
				out[i] += 3
			} else if r < 'e' {
				out[i]++
			}
		}
	}
	return out
}

func divide(t *testing.T, c *Corpus, limit, maxDocs int) ([]Cluster, Division) {
	t.Helper()
	out, d, err := Divide(context.Background(), c, Room{Tokens: limit, Docs: maxDocs}, someTokens)
	if err != nil {
		t.Fatal(err)
	}
	return out, d
}

// sizeOf returns the room that documents take.
func sizeOf(docs []Document) (n int) {
	for _, d := range docs {
		n += someTokens([]string{d.Text})[0] + 1
	}
	return n
}

// words makes a text of about n characters, with sentences and paragraphs or without any bound.
func words(rng *rand.Rand, n int) string {
	alphabet := []rune("abcdefghij  .\n")
	switch rng.IntN(8) {
	case 0:
		alphabet = []rune("abcdefgh")
	case 1:
		alphabet = []rune("漢字かな。é 😀")
	}
	text := make([]rune, n)
	for i := range text {
		text[i] = alphabet[rng.IntN(len(alphabet))]
	}
	if s := strings.TrimSpace(string(text)); s != "" {
		return s
	}
	return "a"
}

// Every byte of every document, but for blank space at the cuts, is in exactly one cluster, and
// every cluster fits.
func TestDivideKeepsEverything(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	whole, divided, cut := 0, 0, 0
	for trial := range 400 {
		limit, maxDocs := 40+rng.IntN(400), 2+rng.IntN(12)
		c := &Corpus{}
		for k := range 1 + rng.IntN(4) {
			cl := Cluster{Name: fmt.Sprint("c", k)}
			for i := range 1 + rng.IntN(25) {
				n := 2 + rng.IntN(1+rng.IntN(3*limit))
				cl.Docs = append(cl.Docs, Document{fmt.Sprintf("%d/%d.txt", k, i), words(rng, n)})
			}
			c.Clusters = append(c.Clusters, cl)
		}
		out, d := divide(t, c, limit, maxDocs)
		checkDivision(t, c, out, d, limit, maxDocs)
		if d.TooLong != 0 {
			t.Fatalf("trial %d: %+v", trial, d)
		}
		divided, cut = divided+d.Divided, cut+d.Cut
		for _, cl := range c.Clusters {
			fits := len(cl.Docs) > 1 && len(cl.Docs) <= maxDocs && sizeOf(cl.Docs) <= limit
			same := slices.ContainsFunc(out, func(o Cluster) bool { return reflect.DeepEqual(o, cl) })
			if fits != same {
				t.Fatalf("trial %d: cluster %s fits: %t, stays as it is: %t", trial, cl.Name, fits, same)
			}
			if fits {
				whole++
			}
		}
		again, _ := divide(t, c, limit, maxDocs)
		if !reflect.DeepEqual(again, out) {
			t.Fatalf("trial %d: another division of the same corpus", trial)
		}
	}
	if whole == 0 || divided == 0 || cut == 0 {
		t.Errorf("too little put to the test: %d clusters whole, %d divided, %d documents cut", whole, divided, cut)
	}
}

// checkDivision takes the clusters apart again.
func checkDivision(t *testing.T, c *Corpus, out []Cluster, d Division, limit, maxDocs int) {
	t.Helper()
	names, parts, count := map[string]bool{}, map[string][]Document{}, 0
	for _, cl := range out {
		if names["cluster "+cl.Name] {
			t.Fatalf("two clusters are named %s", cl.Name)
		}
		names["cluster "+cl.Name] = true
		if n := len(cl.Docs); n < 2 || n > maxDocs || sizeOf(cl.Docs) > limit {
			t.Fatalf("limit %d of %d documents: cluster %s has %d in %d", limit, maxDocs, cl.Name, sizeOf(cl.Docs), n)
		}
		count += len(cl.Docs)
		for _, doc := range cl.Docs {
			text := doc.Text
			if names[doc.Name] || !utf8.ValidString(text) || text != strings.TrimSpace(text) || text == "" {
				t.Fatalf("document %s: %.40q", doc.Name, doc.Text)
			}
			names[doc.Name] = true
			base, _, _ := strings.Cut(doc.Name, "#")
			parts[base] = append(parts[base], doc)
		}
	}
	if d.Documents != count || d.Clusters != len(out) {
		t.Fatalf("%d documents in %d clusters, but %+v", count, len(out), d)
	}
	missing := 0
	for _, cl := range c.Clusters {
		for _, doc := range cl.Docs {
			if parts[doc.Name] == nil {
				missing++
				continue
			}
			if rest := without(doc.Text, parts[doc.Name]); rest != "" {
				t.Fatalf("limit %d of %d documents: %s lacks %q", limit, maxDocs, doc.Name, rest)
			}
		}
	}
	if missing != d.Unread() {
		t.Fatalf("%d documents are in no cluster, but %+v", missing, d)
	}
}

// without returns what is left of text without the pieces, in the order of their numbers.
func without(text string, pieces []Document) string {
	number := func(d Document) (n []int) {
		for _, s := range strings.Split(d.Name, "#")[1:] {
			var k int
			fmt.Sscan(s, &k)
			n = append(n, k)
		}
		return n
	}
	slices.SortFunc(pieces, func(a, b Document) int { return slices.Compare(number(a), number(b)) })
	for _, p := range pieces {
		text = strings.TrimPrefix(strings.TrimSpace(text), p.Text)
	}
	return strings.TrimSpace(text)
}

func TestDivide(t *testing.T) {
	d := func(n int) string { return strings.TrimSpace(strings.Repeat("d", n-1)) } // takes n
	for _, c := range []struct {
		name           string
		docs           []string
		limit, maxDocs int
		want           string // sizes of the documents of each cluster
		stats          Division
	}{
		{"fits", []string{d(30), d(20), d(50)}, 100, 3, "c[30 20 50]", Division{Documents: 3, Clusters: 1}},
		{"a long one beside a short one fits", []string{d(80), d(20)}, 100, 3, "c[80 20]", Division{Documents: 2, Clusters: 1}},
		{"too many", []string{d(9), d(9), d(9), d(9)}, 100, 3, "c[9 9] c (2)[9 9]", Division{Documents: 4, Clusters: 2, Divided: 1}},
		{"too long together", []string{d(40), d(40), d(40), d(40)}, 100, 9, "c[40 40] c (2)[40 40]",
			Division{Documents: 4, Clusters: 2, Divided: 1}},
		{"a rest of one", []string{d(45), d(45), d(45)}, 100, 9, "c[45 45] c (2)[23 23]",
			Division{Documents: 4, Clusters: 2, Divided: 1, Cut: 1}},
		{"a rest of one goes with others", []string{d(40), d(40), d(40), d(10), d(10), d(10)}, 100, 9,
			"c[40 40] c (2)[40 10 10 10]", Division{Documents: 6, Clusters: 2, Divided: 1}},
		{"longer than any prompt", []string{d(150), d(10)}, 100, 9, "c[39 38] c (2)[38 38 10]",
			Division{Documents: 5, Clusters: 2, Divided: 1, Cut: 1}},
		{"alone", []string{d(21)}, 100, 9, "c[11 11]", Division{Documents: 2, Clusters: 1, Cut: 1}},
		{"alone with blank space around", []string{" \u3000éé "}, 100, 9, "c[4 4]", Division{Documents: 2, Clusters: 1, Cut: 1}},
		{"empty", []string{"", d(90), d(90)}, 100, 9, "c[1 31 31 31] c (2)[30 31 30]",
			Division{Documents: 7, Clusters: 2, Divided: 1, Cut: 2}},
		{"alone and not to be cut", []string{"d"}, 100, 9, "", Division{Alone: 1}},
		{"no room for pieces", []string{d(40), d(5), d(5)}, 30, 9, "c[5 5]", Division{Documents: 2, Clusters: 1, TooLong: 1}},
		{"no room at all", []string{d(5), d(6)}, -3, 9, "", Division{TooLong: 2}},
		{"one document a prompt", []string{d(5), d(6)}, 100, 1, "", Division{TooLong: 2}},
	} {
		corpus := &Corpus{Clusters: []Cluster{{Name: "c"}}}
		for i, text := range c.docs {
			corpus.Clusters[0].Docs = append(corpus.Clusters[0].Docs, Document{fmt.Sprint(i), text})
		}
		out, stats := divide(t, corpus, c.limit, c.maxDocs)
		var got []string
		for _, cl := range out {
			var sizes []int
			for _, doc := range cl.Docs {
				sizes = append(sizes, sizeOf([]Document{doc}))
			}
			got = append(got, fmt.Sprint(cl.Name, sizes))
		}
		if got := strings.Join(got, " "); got != c.want || stats != c.stats {
			t.Errorf("%s: got %s, %+v, want %s, %+v", c.name, got, stats, c.want, c.stats)
		}
	}
}

// Clusters that a larger one becomes have all sizes from the least on, and lack none of its documents.
func TestDivideVaries(t *testing.T) {
	const limit, least, documents = 1000, 200, 400
	c := &Corpus{Clusters: []Cluster{{Name: "c"}}}
	for i := range documents {
		c.Clusters[0].Docs = append(c.Clusters[0].Docs, Document{fmt.Sprint(i), strings.Repeat("d", 39)})
	}
	out, d, err := Divide(context.Background(), c, Room{Tokens: limit, Docs: documents, Least: least}, someTokens)
	if err != nil {
		t.Fatal(err)
	}
	var tenths [10]int
	for _, cl := range out[:len(out)-1] { // the last is what was left
		size := sizeOf(cl.Docs)
		if size < least-40 || size > limit {
			t.Errorf("a cluster of %d", size)
		}
		tenths[min(9, size*10/limit)]++
	}
	for i, n := range tenths[2:] {
		if n == 0 {
			t.Errorf("no cluster of %d to %d: %v", (i+2)*limit/10, (i+3)*limit/10, tenths)
		}
	}
	if d.Documents != documents || d.Divided != 1 {
		t.Errorf("%+v", d)
	}
}

// Names that are taken are given to nothing else.
func TestDivideNames(t *testing.T) {
	text := strings.Repeat("d", 99)
	c := &Corpus{Clusters: []Cluster{
		{"a", []Document{{"x", text}, {"y", text}, {"x#1", "d"}}},
		{"a (2)", []Document{{"v", "d"}, {"w", "d"}}},
	}}
	out, d := divide(t, c, 100, 4)
	names := map[string]bool{}
	for _, cl := range out {
		names[cl.Name] = true
		for _, doc := range cl.Docs {
			names[doc.Name] = true
		}
	}
	if len(names) != d.Clusters+d.Documents || names["x"] || names["y"] || !names["a (2)"] {
		t.Errorf("%d clusters and %d documents have the names %v", d.Clusters, d.Documents, names)
	}
}

// Documents of several topics, shuffled, come out mostly by topic.
func TestDivideFindsTopics(t *testing.T) {
	const topics, each, trials = 6, 8, 10
	strays := 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 23))
		topic := rng.Perm(topics * each)
		c := &Corpus{Clusters: []Cluster{{Name: "c"}}}
		for i := range topic {
			topic[i] %= topics
			var b strings.Builder
			for range 120 {
				fmt.Fprintf(&b, "topic%dword%d common%d ", topic[i], rng.IntN(60), rng.IntN(500))
			}
			c.Clusters[0].Docs = append(c.Clusters[0].Docs, Document{fmt.Sprint(i), b.String()})
		}
		out, _ := divide(t, c, sizeOf(c.Clusters[0].Docs), each)
		for _, cl := range out {
			var count [topics]int
			for _, doc := range cl.Docs {
				var i int
				fmt.Sscan(doc.Name, &i)
				count[topic[i]]++
			}
			strays += len(cl.Docs) - slices.Max(count[:])
		}
	}
	if share := float64(strays) / (topics * each * trials); share > 0.05 {
		t.Errorf("%.1f %% of the documents are in a cluster of another topic", 100*share)
	}
}

func TestDivideStops(t *testing.T) {
	c := &Corpus{}
	for k := range 4 {
		docs := []Document{{fmt.Sprint(k, "/a"), "a"}, {fmt.Sprint(k, "/b"), "b"}}
		c.Clusters = append(c.Clusters, Cluster{fmt.Sprint(k), docs})
	}
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, _, err := Divide(ctx, c, Room{Tokens: 100, Docs: 4}, func(texts []string) []int {
		if calls++; calls == 2 {
			cancel()
		}
		return someTokens(texts)
	})
	if !errors.Is(err, context.Canceled) || calls != 2 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}
