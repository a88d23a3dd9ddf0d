package world

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
)

// TestSameBits checks that what is generated from a seed never
// changes, since models were trained and measured with it. A new task
// leaves it alone as long as the default weights of its kinds are 0.
func TestSameBits(t *testing.T) {
	other := DefaultTraining()
	other.OtherPool, other.OtherWords, other.Loose, other.DigestFacts = 0.3, true, 0.3, 5
	other.Cluster.MaxDocs, other.Cluster.Style = 16, Natural
	training := func(o TrainingOptions) func() string {
		return func() (s string) {
			tr := mustTrain(t, o)
			for i := range uint64(200) {
				e := tr.Example(7, i)
				s += fmt.Sprintf("%q %q", e.Docs, e.Prefix)
				for _, b := range e.Branches {
					s += fmt.Sprintf(" %v %v %v %q %q %v", b.Role, b.Task, b.Kind, b.Suffix, b.Reply, b.Determined)
				}
			}
			return s + tr.Text(3, 1)
		}
	}
	evaluation := func() (s string) {
		for _, asking := range []Asking{{}, {HeldOutPhrasing: true, Alias: 0.3}} {
			opts := EvaluationOptions{Cluster: Options{Docs: 16, Pool: HeldOut, Chains: true}, Asking: asking}
			items, err := Evaluation(t.Context(), 1, opts)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				s += fmt.Sprintf("%q", it.Cluster.Texts())
				for _, q := range it.Questions {
					reply, _ := it.Cluster.Reply(q.Question, q.Task)
					ask, determined, _ := it.Cluster.Ask(compact(t), q.Question, q.Task)
					s += fmt.Sprintf(" %q %v %v %v %q %q %v",
						q.Question, q.Task, q.Kind, q.Docs, reply, ask, determined)
				}
			}
		}
		return s
	}
	for _, tt := range []struct {
		name string
		made func() string
		want string
	}{
		{"training", training(DefaultTraining()), "ffd60c2ec1d90057"},
		{"training, all options", training(other), "8ca60a549eb34ea9"},
		{"evaluation", evaluation, "0ae83d2a275ce68f"},
	} {
		sum := sha256.Sum256([]byte(tt.made()))
		if got := hex.EncodeToString(sum[:8]); got != tt.want {
			t.Errorf("%s has the sum %s, was %s", tt.name, got, tt.want)
		}
	}
}
