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
	s, err := NewSampler(seed, d, 1)
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

// A draw takes each cluster of a small domain once, so that there is a question to go beyond before the next.
func TestShareLargerThanDomain(t *testing.T) {
	s := newSampler(t, 1, threeDomains(4, 50))
	for range 6 {
		items := s.Draw(12)
		hits := map[int]int{}
		for _, it := range items {
			if hits[it.Cluster]++; hits[it.Cluster] > 1 {
				t.Errorf("cluster %d comes twice in a draw", it.Cluster)
			}
		}
		if got := perTask(items); got != [3]int{4, 6, 0} || s.Most(12) != 10 {
			t.Errorf("a draw of 12 from 4 and 50 clusters has %v, and at most %d", got, s.Most(12))
		}
	}
}

// Clusters that do not suit a task change places with such as do, and what suits none is left out.
func TestSuit(t *testing.T) {
	domains := []Domain{{0, []int{0, 1, 2}, 1}, {1, []int{3, 4, 5}, 1}}
	Suit(domains, func(task.Task, int) bool { return true })
	if !slices.Equal(domains[0].Clusters, []int{0, 1, 2}) || !slices.Equal(domains[1].Clusters, []int{3, 4, 5}) {
		t.Errorf("domains that suit become %v", domains)
	}
	// Task 1 is for even clusters, and no task for 5.
	suits := func(t task.Task, c int) bool { return c != 5 && (t == 0 || c%2 == 0) }
	Suit(domains, suits)
	if !slices.Equal(domains[0].Clusters, []int{1, 2, 3}) || !slices.Equal(domains[1].Clusters, []int{0, 4}) {
		t.Errorf("the domains become %v", domains)
	}
	domains = []Domain{{0, []int{1, 2}, 1}, {1, []int{3, 5, 7}, 1}}
	Suit(domains, func(t task.Task, c int) bool { return t == 0 || c == 2 })
	if !slices.Equal(domains[0].Clusters, []int{1, 3, 5, 7}) || !slices.Equal(domains[1].Clusters, []int{2}) {
		t.Errorf("the domains become %v", domains)
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
		if _, err := NewSampler(1, d, 1); err == nil {
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

// TestWhole: a draw that is large enough has an item of every cluster once, and a fresh sampler draws as the first did.
func TestWhole(t *testing.T) {
	for _, c := range []struct {
		sizes   []int
		weights [3]int
	}{{[]int{5, 5, 5}, [3]int{1, 1, 1}}, {[]int{1, 9, 4}, [3]int{1, 1, 1}}, {[]int{7, 2, 3}, [3]int{1, 5, 2}}} {
		d := threeDomains(c.sizes...)
		for i := range d {
			d[i].Weight = c.weights[i]
		}
		s := newSampler(t, 3, d)
		first := s.Fresh().Draw(s.Whole())
		times := map[int]int{}
		for _, it := range first {
			times[it.Cluster]++
		}
		all := c.sizes[0] + c.sizes[1] + c.sizes[2]
		if len(first) != all || len(times) != all {
			t.Errorf("%v: %d items of %d clusters, want %d", c, len(first), len(times), all)
		}
		s.Draw(7)
		if again := s.Fresh().Draw(s.Whole()); !reflect.DeepEqual(again, first) {
			t.Errorf("%v: a fresh sampler draws %v, then %v", c, first, again)
		}
	}
}

// A cluster that is drawn gives all its items one behind the other, and comes once in a draw.
func TestTogether(t *testing.T) {
	const together = 4
	s, err := NewSampler(3, threeDomains(9, 9, 9), together)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 8, 24, 25, 500} {
		items, most := s.Draw(n), s.Most(n)
		want := min((n+together-1)/together, 27) * together
		if len(items) != want || most != want {
			t.Errorf("a draw of %d has %d items, at most %d; want %d", n, len(items), most, want)
		}
		seen := map[Item]bool{}
		for i := 0; i < len(items); i += together {
			for _, it := range items[i : i+together] {
				if it != items[i] {
					t.Fatalf("%v stands beside %v", it, items[i])
				}
			}
			if seen[items[i]] {
				t.Errorf("%v comes twice in a draw of %d", items[i], n)
			}
			seen[items[i]] = true
		}
	}
	if n := s.Whole(); n != 27*together || len(s.Fresh().Draw(n)) != n {
		t.Errorf("all are %d items", n)
	}
}
