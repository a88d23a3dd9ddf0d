package bench

import (
	"reflect"
	"strings"
	"testing"

	"spell/rl/task"
)

// words measures a question by its words.
func words(q *Question) (int, error) {
	return len(strings.Fields(strings.Join(q.Docs, " ") + " " + q.Text)), nil
}

// rulers are the benchmarks that are generated at any length.
func rulers() (ones []*Benchmark) {
	for _, b := range All() {
		if b.Generated() && b.most == 0 {
			ones = append(ones, b)
		}
	}
	return ones
}

// TestGenerate: questions are as long as wanted, to a sentence, the same again, and their answers
// follow from the documents.
func TestGenerate(t *testing.T) {
	for _, b := range rulers() {
		for _, length := range []int{200, 1000, 6000} {
			qs, err := Generate([]*Benchmark{b}, 7, 3, length, words)
			if err != nil {
				t.Fatalf("%s: %v", b.Name, err)
			}
			again, _ := Generate([]*Benchmark{b}, 7, 4, length, words)
			other, _ := Generate([]*Benchmark{b}, 8, 3, length, words)
			if !reflect.DeepEqual(qs, again[:3]) || reflect.DeepEqual(qs[0].Docs, other[0].Docs) {
				t.Errorf("%s of %d: the seed is not all that matters", b.Name, length)
			}
			for _, q := range qs {
				if n, _ := words(q); n > length || n < length-16 {
					t.Errorf("%s %s has %d words, want %d", b.Name, q.ID, n, length)
				}
				check(t, b, q)
			}
		}
		if _, err := Generate([]*Benchmark{b}, 7, 1, 10, words); err == nil ||
			!strings.Contains(err.Error(), "--length is 10; give at least") {
			t.Errorf("%s in ten words: %v", b.Name, err)
		}
	}
}

// check reads the answer of a question from its documents.
func check(t *testing.T, b *Benchmark, q *Question) {
	t.Helper()
	text := strings.Join(q.Docs, " ")
	right := len(q.Answers) > 0 && q.Right(task.Rules{}, strings.Join(q.Answers, ", "))
	if strings.Contains(q.Text, q.Answer) || !right {
		t.Errorf("%s: %q with %q", b.Name, q.Text, q.Answers)
	}
	last := strings.TrimRight(q.Text[strings.LastIndex(q.Text, " ")+1:], "?")
	after := func(lead string) (found []string) {
		for _, part := range strings.Split(text, lead)[1:] {
			found = append(found, strings.TrimRight(strings.Fields(part)[0], "."))
		}
		return found
	}
	one := func(lead string) string {
		found := after(lead)
		if len(found) != 1 {
			t.Fatalf("%s: %q stands %d times", b.Name, lead, len(found))
		}
		return found[0]
	}
	var want []string
	switch b.Name {
	case "ruler-needle", "ruler-needles":
		want = after("One access code of " + last + " is ")
		if len(after("One access code of ")) != 5*len(want) {
			t.Errorf("%s: %d codes in all", b.Name, len(after("One access code of ")))
		}
	case "ruler-multihop":
		firm := strings.Fields(strings.SplitAfter(q.Text, "the firm of ")[1])[0]
		head := one("The firm of " + firm + " is led by ")
		town := one(head + " lives in the town of ")
		want = []string{one("The bridge of " + town + " was built by ")}
	case "ruler-tracking":
		value := strings.Fields(strings.SplitAfter(q.Text, "the value ")[1])[0]
		values := map[string]string{}
		for _, statement := range strings.Split(text, "The variable ")[1:] {
			w := strings.Fields(statement)
			to := strings.TrimRight(w[4], ".")
			if w[4] == "the" {
				to = values[strings.TrimRight(w[7], ".")]
			}
			values[w[0]] = to
		}
		for name, v := range values {
			if v == value {
				want = append(want, name)
			}
		}
	case "ruler-aggregation":
		counts := map[string]int{}
		for _, w := range strings.Fields(text) {
			counts[w]++
		}
		for w, n := range counts {
			if n*9 > len(strings.Fields(text)) {
				want = append(want, w)
			}
		}
	}
	if len(want) != len(q.Answers) {
		t.Errorf("%s: %q is answered by %q, want %q", b.Name, q.Text, q.Answers, want)
	}
	for _, w := range want {
		if !strings.Contains(" "+strings.Join(q.Answers, " ")+" ", " "+w+" ") {
			t.Errorf("%s: %q is not among the answers %q", b.Name, w, q.Answers)
		}
	}
}
