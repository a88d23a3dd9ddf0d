package spell

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/rl/corpus"
	"spell/tokenizer/chat"
)

// TestDocumentsFit: clusters with too many documents or too long ones are divided and cut, so that
// all of them can be asked about; what cannot be cut is counted.
func TestDocumentsFit(t *testing.T) {
	c := small()
	c.MaxDocs = 6
	docs := documents(3, 4)
	large := corpus.Cluster{Name: "large"}
	for i := range 20 {
		text := fmt.Sprintf("document %d says that the colour of item %d is red .", i, i)
		large.Docs = append(large.Docs, corpus.Document{Name: fmt.Sprint("large/", i), Text: text})
	}
	blue := strings.Repeat("the colour of item 7 is blue . ", 200)
	long := corpus.Cluster{Name: "long", Docs: []corpus.Document{{Name: "long/0", Text: blue}}}
	alone := corpus.Cluster{Name: "alone", Docs: []corpus.Document{{Name: "alone/0", Text: "r"}}}
	docs.Clusters = append(docs.Clusters, large, long, alone)
	on := testModel(t, opentest.CPU(t, 1), model.F32, &chat.Dialog{Tok: testTokenizer(t)})
	r, err := begin(context.Background(), c, on, docs, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	all, words := map[string]int{}, 0
	for _, cl := range r.game.clusters {
		size := 0
		for _, d := range cl.docs {
			size += len(r.game.Chat.Tok.Encode(d)) + 1
			all[d]++
			if strings.HasPrefix(cl.name, "long") {
				words += len(strings.Fields(d))
			}
		}
		if len(cl.docs) < 2 || len(cl.docs) > c.MaxDocs || size > c.MaxPrompt-c.MaxQuestion {
			t.Errorf("cluster %s has %d documents of %d tokens", cl.name, len(cl.docs), size)
		}
	}
	for _, cl := range docs.Clusters[:4] {
		for _, d := range cl.Docs {
			if all[d.Text] == 0 {
				t.Errorf("no prompt shows %s", d.Name)
			}
		}
	}
	if words != 200*8 {
		t.Errorf("%d of %d words of the long document are shown", words, 200*8)
	}
	clusters, documents, unread := r.game.Documents()
	if clusters != len(r.game.clusters) || clusters < 3+4+2 || unread != 1 || documents < 3*4+20+2 {
		t.Errorf("%d clusters, %d documents, %d unread", clusters, documents, unread)
	}
	want := fmt.Sprintf("%d documents in %d clusters fit a prompt, 1 does not", documents, clusters)
	if r.Summary() != want {
		t.Errorf("the summary is %q, want %q", r.Summary(), want)
	}
	names := map[string]bool{}
	for _, cl := range r.game.clusters {
		if names[cl.name] {
			t.Errorf("two clusters are called %s", cl.name)
		}
		names[cl.name] = true
	}
}

// TestNearness: what two documents share counts by its rarity; numbers and common words do not.
func TestNearness(t *testing.T) {
	docs := []string{"home Tolan Norvale . rank Tolan 7 .", "mayor Norvale Kestor . size Norvale 7 .",
		"home Kestor Rasham . rank Kestor 7 .",
		"home Velan Rasham .", "home Morwick Velham .", "home Darmund Fenford .", "home Balan Tolham .",
		"home Linan Galvale .", "home Noran Harvale .", "home Kesan Jorvale ."}
	near := nearness(docs)
	at := func(i, j int) float64 { return near[i*len(docs)+j] }
	if !(at(0, 1) > 0 && at(1, 2) > 0 && at(2, 3) > 0) || at(0, 1) != at(1, 0) {
		t.Errorf("linked documents are %v, %v and %v near", at(0, 1), at(1, 2), at(2, 3))
	}
	for i := range docs {
		if at(i, i) != 0 || i > 3 && at(0, i) != 0 {
			t.Errorf("documents 0 and %d are %v near", i, at(0, i))
		}
	}
}
