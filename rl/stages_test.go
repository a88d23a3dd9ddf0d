package rl

import "testing"

// TestNearness: what two documents share counts by its rarity; numbers and common words do not.
func TestNearness(t *testing.T) {
	docs := []string{"home Tolan Norvale . rank Tolan 7 .", "mayor Norvale Kestor . size Norvale 7 .", "home Kestor Rasham . rank Kestor 7 .",
		"home Velan Rasham .", "home Morwick Velham .", "home Darmund Fenford .", "home Balan Tolham .", "home Linan Galvale .", "home Noran Harvale .", "home Kesan Jorvale ."}
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
