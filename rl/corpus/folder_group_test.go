package corpus

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		text string
		same []string // a text of one word each, whose hashes in order are those of text
	}{
		{"Rye, rye-bread & ÉTÉ 1,500!", []string{"rye", "RYE", "bread", "été", "1", "500"}},
		{"漢字abcかな", []string{"漢", "字", "abc", "か", "な"}},
		{" — ", nil},
	} {
		var want []uint64
		for _, w := range c.same {
			want = append(want, words(w)...)
		}
		if got := words(c.text); !slices.Equal(got, want) || len(want) != len(c.same) {
			t.Errorf("%q: %d words %x, want %x", c.text, len(got), got, want)
		}
	}
	// The published FNV-1a value of "foobar".
	if got, want := words("foobar"), mix(0x85944171f73967e8); !slices.Equal(got, []uint64{want}) {
		t.Errorf("hash %x, want %x", got, want)
	}
}

func TestTFIDFAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var texts [][]string
	for i := range 12 {
		texts = append(texts, []string{topicText(rng, i%3, 100), topicText(rng, i%3, 50)})
	}
	counts, found := make([]map[uint64]int, len(texts)), map[uint64]float64{}
	for i, parts := range texts {
		counts[i] = map[uint64]int{}
		for _, p := range parts {
			for _, h := range words(p) {
				counts[i][h%dims]++
			}
		}
		for d := range counts[i] {
			found[d]++
		}
	}
	dot := func(i, j int) (sum float64) {
		for d, n := range counts[i] {
			idf := math.Log(1 + 12/found[d])
			sum += float64(bits.Len(uint(n))*bits.Len(uint(counts[j][d]))) * idf * idf
		}
		return sum
	}
	vectors := tfidf(texts)
	for i := range texts {
		for j := range texts {
			want := dot(i, j) / math.Sqrt(dot(i, i)*dot(j, j))
			if got := vectors[i].cosine(vectors[j]); math.Abs(got-want) > 1e-3 {
				t.Errorf("cosine of %d and %d is %.5f, want %.5f", i, j, got, want)
			}
			m := mean([]unit{{vec: vectors[j]}})
			if got, want := vectors[i].along(m), vectors[i].cosine(vectors[j]); math.Abs(got-want) > 1e-12 {
				t.Errorf("dense cosine of %d and %d is %g, sparse %g", i, j, got, want)
			}
		}
	}
	if v := tfidf([][]string{{"—"}, {"a"}}); len(v[0]) != 0 || len(v[1]) != 1 {
		t.Errorf("a text without words and one of one word have vectors %v", v)
	}
}

// Texts of eight topics, shuffled, must come out topic by topic, but for a few where a cut for size goes through a topic.
func TestGroupFilesFindsTopics(t *testing.T) {
	const topics, each, trials = 8, 10, 10
	strays := 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 10))
		topic := rng.Perm(topics * each)
		var pieces []piece
		var files [][]int
		for i := range topic {
			topic[i] %= topics
			pieces = append(pieces, asPieces(topicText(rng, topic[i], 150))...)
			files = append(files, []int{i})
		}
		for _, g := range groupFiles(files, pieces, Options{4000, 2, 12}) {
			var count [topics]int
			for _, i := range g {
				count[topic[i]]++
			}
			strays += len(g) - slices.Max(count[:])
		}
	}
	if share := float64(strays) / (topics * each * trials); share > 0.05 {
		t.Errorf("%.1f %% of the texts are in a group of another topic", 100*share)
	}
}

// Whatever the sizes of the files, groups keep their bounds, lose nothing, and split no file that fits but to mend a small group.
func TestGroupFilesBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for trial := range 300 {
		opts := Options{DocChars: 4000, MinDocs: 1 + rng.IntN(4)}
		opts.MaxDocs = 2*opts.MinDocs + rng.IntN(12)
		var pieces []piece
		var files [][]int
		for range 1 + rng.IntN(25) {
			var docs []int
			for range 1 + rng.IntN(1+rng.IntN(2*opts.MaxDocs)) {
				text := topicText(rng, rng.IntN(4), 10)
				if rng.IntN(20) == 0 {
					text = "—" // no words, so no direction
				}
				docs = append(docs, len(pieces))
				pieces = append(pieces, piece{Document: Document{Text: text}})
			}
			files = append(files, docs)
		}
		if len(pieces) < opts.MinDocs {
			continue
		}
		var all []int
		for _, g := range groupFiles(files, pieces, opts) {
			if len(g) < opts.MinDocs || len(g) > opts.MaxDocs || !slices.IsSorted(g) {
				t.Fatalf("trial %d, %+v: group %v", trial, opts, g)
			}
			all = append(all, g...)
		}
		slices.Sort(all)
		if len(slices.Compact(all)) != len(pieces) {
			t.Fatalf("trial %d: %d of %d documents are in a group", trial, len(all), len(pieces))
		}
	}
}

func TestGroupFilesKeepsFilesTogether(t *testing.T) {
	for _, c := range []struct {
		name  string
		sizes []int  // documents of each file
		want  string // with MinDocs 2, MaxDocs 4
	}{
		{"all fit", []int{1, 1, 2}, "[[0 1 2 3]]"},
		{"a long file in even runs", []int{9}, "[[0 1 2] [3 4 5] [6 7 8]]"},
		{"files stay whole", []int{3, 3}, "[[0 1 2] [3 4 5]]"},
		{"a rest joins the run with room", []int{7, 1}, "[[0 1 2 3] [4 5 6 7]]"},
		{"a rest without room", []int{4, 1}, "[[0 1] [2 3 4]]"},
	} {
		var pieces []piece
		var files [][]int
		for f, n := range c.sizes {
			var docs []int
			for range n {
				docs = append(docs, len(pieces))
				pieces = append(pieces, piece{Document: Document{Text: fmt.Sprintf("file%d words%d here", f, len(pieces))}})
			}
			files = append(files, docs)
		}
		groups := groupFiles(files, pieces, Options{4000, 2, 4})
		slices.SortFunc(groups, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
		if got := fmt.Sprint(groups); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
