package folder

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"spell/rl/corpus"
)

// groupsOf returns the groups that files are cut into.
func groupsOf(t *testing.T, files [][]int, pieces []piece, opts Options) [][]int {
	t.Helper()
	groups, err := newReader().groupFiles(files, pieces, opts)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// Texts of eight topics, shuffled, must come out topic by topic, but for a few where a cut for size
// goes through a topic.
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
		for _, g := range groupsOf(t, files, pieces, Options{MinDocs: 2, MaxDocs: 12}) {
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

// Whatever the sizes of the files, groups keep their bounds, lose nothing, and split no file that
// fits but to mend a small group.
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
				pieces = append(pieces, piece{Document: corpus.Document{Text: text}})
			}
			files = append(files, docs)
		}
		if len(pieces) < opts.MinDocs {
			continue
		}
		var all []int
		for _, g := range groupsOf(t, files, pieces, opts) {
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
				text := fmt.Sprintf("file%d words%d here", f, len(pieces))
				pieces = append(pieces, piece{Document: corpus.Document{Text: text}})
			}
			files = append(files, docs)
		}
		groups := groupsOf(t, files, pieces, Options{MinDocs: 2, MaxDocs: 4})
		slices.SortFunc(groups, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
		if got := fmt.Sprint(groups); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
