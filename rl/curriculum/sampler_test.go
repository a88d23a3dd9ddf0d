package curriculum

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"spell/rl/task"
)

func clusters(from, n int) []int {
	c := make([]int, n)
	for i := range c {
		c[i] = from + i
	}
	return c
}

func threeDomains(sizes ...int) []Domain {
	var d []Domain
	from := 0
	for i, n := range sizes {
		d = append(d, Domain{task.Task(i), clusters(from, n), 1})
		from += n
	}
	return d
}

func newSampler(t *testing.T, seed uint64, d []Domain) *Sampler {
	t.Helper()
	s, err := NewSampler(seed, d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// perTask counts the items of the first three tasks.
func perTask(items []Item) (n [3]int) {
	for _, it := range items {
		n[it.Task]++
	}
	return n
}

func TestEqualShares(t *testing.T) {
	s := newSampler(t, 1, threeDomains(2150, 2150, 2150))
	for range 20 {
		items := s.Draw(480)
		if got := perTask(items); got != [3]int{160, 160, 160} {
			t.Fatalf("shares %v", got)
		}
		for _, it := range items {
			if it.Cluster/2150 != int(it.Task) {
				t.Fatalf("%v draws cluster %d of another domain", it.Task, it.Cluster)
			}
		}
		if first := perTask(items[:120]); slices.Min(first[:]) < 20 {
			t.Fatalf("the first quarter of a draw holds %v of the tasks", first)
		}
	}
}

// 13 draws of 160 fit into 2,150 clusters; the 70 left over are passed over.
func TestEpochHasNoRepetition(t *testing.T) {
	s := newSampler(t, 1, threeDomains(2150))
	var orders [2][]int
	for epoch := range orders {
		seen := map[int]bool{}
		for range 13 {
			for _, it := range s.Draw(160) {
				seen[it.Cluster] = true
				orders[epoch] = append(orders[epoch], it.Cluster)
			}
		}
		if len(seen) != 2080 {
			t.Errorf("epoch %d: %d distinct clusters, want 2080", epoch, len(seen))
		}
	}
	if slices.Equal(orders[0], orders[1]) {
		t.Error("two epochs have one order")
	}
}

func TestShareLargerThanDomain(t *testing.T) {
	s := newSampler(t, 1, threeDomains(4))
	hits := make([]int, 4)
	for range 6 {
		for _, it := range s.Draw(6) {
			hits[it.Cluster]++
		}
	}
	if !slices.Equal(hits, []int{9, 9, 9, 9}) {
		t.Errorf("36 draws from 4 clusters fall %v", hits)
	}
}

func TestRemaindersAndWeights(t *testing.T) {
	s := newSampler(t, 1, threeDomains(50, 50, 50))
	var total [3]int
	for range 3 {
		n := perTask(s.Draw(8))
		for i := range total {
			total[i] += n[i]
		}
	}
	if total != [3]int{8, 8, 8} {
		t.Errorf("three draws of 8 give the tasks %v", total)
	}
	d := threeDomains(50, 50)
	d[0].Weight = 3
	if got := perTask(newSampler(t, 1, d).Draw(40)); got != [3]int{30, 10, 0} {
		t.Errorf("weights 3 to 1 give %v of 40", got)
	}
}

func TestSamplerResumesExactly(t *testing.T) {
	domains := threeDomains(17, 5, 40)
	straight := newSampler(t, 9, domains)
	broken := newSampler(t, 9, domains)
	for k := range 30 {
		if k%4 == 3 {
			data, err := json.Marshal(broken)
			if err != nil {
				t.Fatal(err)
			}
			broken = newSampler(t, 9, domains)
			if err := broken.Restore(data); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(broken)
			if err != nil || string(again) != string(data) {
				t.Fatalf("the restored state reads %s, was %s (%v)", again, data, err)
			}
		}
		if a, b := straight.Draw(13), broken.Draw(13); !reflect.DeepEqual(a, b) {
			t.Fatalf("draw %d after resume: %v, want %v", k, b, a)
		}
	}
	if reflect.DeepEqual(newSampler(t, 10, domains).Draw(13), newSampler(t, 9, domains).Draw(13)) {
		t.Error("the seed does not matter")
	}
}

func TestSamplerRefuses(t *testing.T) {
	s := newSampler(t, 9, threeDomains(5, 5))
	s.Draw(3)
	before, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{
		`[`,
		`{"seed":8,"domains":[{"task":"general_qa","clusters":5,"weight":1},{"task":"numeric","clusters":5,"weight":1}]}`,
		`{"seed":9,"domains":[{"task":"general_qa","clusters":5,"weight":1}]}`,
		`{"seed":9,"domains":[{"task":"general_qa","clusters":5,"weight":1},{"task":"multiple_choice","clusters":5,"weight":1}]}`,
		`{"seed":9,"domains":[{"task":"general_qa","clusters":6,"weight":1},{"task":"numeric","clusters":5,"weight":1}]}`,
		`{"seed":9,"domains":[{"task":"general_qa","clusters":5,"weight":1},{"task":"numeric","clusters":5,"weight":2}]}`,
		`{"seed":9,"domains":[{"task":"general_qa","clusters":5,"weight":1},{"task":"numeric","clusters":5,"weight":1,"position":6}]}`,
		`{"seed":9,"domains":[{"task":"general_qa","clusters":5,"weight":1},{"task":"numeric","clusters":5,"weight":1,"position":-1}]}`,
	} {
		if err := s.Restore([]byte(data)); err == nil {
			t.Errorf("restores %s", data)
		}
	}
	after, err := json.Marshal(s)
	if err != nil || string(after) != string(before) {
		t.Errorf("refused restores changed the state from %s to %s", before, after)
	}
	for _, d := range [][]Domain{
		nil,
		{{task.Numeric, nil, 1}},
		{{task.Numeric, []int{1}, 0}},
		{{task.Numeric, []int{1}, 1}, {task.Numeric, []int{2}, 1}},
	} {
		if _, err := NewSampler(1, d); err == nil {
			t.Errorf("samples from %v", d)
		}
	}
}

func TestSplit(t *testing.T) {
	d := Split(clusters(100, 11), []task.Task{task.GeneralQA, task.MultipleChoice}, 4)
	if len(d) != 2 || len(d[0].Clusters) != 6 || len(d[1].Clusters) != 5 ||
		d[0].Task != task.GeneralQA || d[1].Task != task.MultipleChoice {
		t.Fatalf("split %v", d)
	}
	all := slices.Sorted(slices.Values(slices.Concat(d[0].Clusters, d[1].Clusters)))
	if !slices.Equal(all, clusters(100, 11)) {
		t.Errorf("the parts are not a partition: %v", d)
	}
	if reflect.DeepEqual(d, Split(clusters(100, 11), []task.Task{task.GeneralQA, task.MultipleChoice}, 5)) {
		t.Error("the seed does not matter")
	}
}
