// Package curriculum decides what self-play works on and what it learns from: which clusters are
// drawn (Sampler), which documents and earlier questions a questioner sees (Memory), and which
// groups enter the update (select.go). All of it is integers and text; state goes to and from JSON
// byte for byte, so that a resumed run is the same run.
package curriculum

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"spell/rl/role"
	"spell/rl/task"
	"spell/tensor/rng"
)

// MemoryConfig sets what the history memory keeps.
type MemoryConfig struct {
	Length int // questions kept per task and cluster, L: 3; 0 turns the memory off
	// Cumulative entries hold all documents that the question was asked over (paper's code), others
	// those that were new to it (paper).
	Cumulative bool
	// AdmitSolved remembers questions that r̄ ≥ 0.01 of the answers solve, all of them too (paper's
	// code); without it 0 < r̄ < 1 (paper).
	AdmitSolved bool
}

// Entry is one remembered question.
type Entry struct {
	Docs     []int  `json:"docs"`     // document numbers within the cluster, ascending
	Question string `json:"question"` // as a prompt shows it
	Answer   string `json:"answer"`
}

type place struct {
	task    task.Task
	cluster int
}

// Memory holds, for each task and cluster, the last questions that could be solved but not always
// were. Each one widens the documents of the next question and sets the mark it must go beyond.
type Memory struct {
	config  MemoryConfig
	entries map[place][]Entry // oldest first
}

// NewMemory returns an empty memory.
func NewMemory(c MemoryConfig) *Memory {
	return &Memory{config: c, entries: map[place][]Entry{}}
}

// View is what a questioner gets to see of a cluster.
type View struct {
	Docs     []int          // all documents of the prompt, ascending
	New      []int          // those of them that no remembered question was asked over, ascending
	Examples []role.Example // remembered questions, oldest first
}

// Draw shows the questioner the documents of the remembered questions and want more, drawn from the
// rest of the cluster's count documents; fewer when fewer remain. Without near every document is
// equally likely, as in the paper; with it, a document is drawn in proportion to how near it is to
// those already shown, so that questions can join them.
func (m *Memory) Draw(t task.Task, cluster, count, want int, near func(a, b int) float64, r *rng.Rand) View {
	var v View
	seen := make([]bool, count)
	for _, e := range m.entries[place{t, cluster}] {
		for _, d := range e.Docs {
			seen[d] = true
		}
		v.Examples = append(v.Examples, role.Example{Question: e.Question, Answer: e.Answer})
	}
	var rest []int
	for d, old := range seen {
		if !old {
			rest = append(rest, d)
		}
	}
	if near == nil {
		for _, i := range r.Choose(len(rest), want) {
			v.New = append(v.New, rest[i])
		}
	} else {
		v.New = grow(rest, seen, want, near, r)
	}
	for _, d := range v.New {
		seen[d] = true
	}
	for d, shown := range seen {
		if shown {
			v.Docs = append(v.Docs, d)
		}
	}
	return v
}

// grow draws want of the documents in rest one after the other, each in proportion to its nearness
// to those seen or drawn before it; uniformly where none is near. It returns them ascending.
func grow(rest []int, seen []bool, want int, near func(a, b int) float64, r *rng.Rand) []int {
	nearness := make([]float64, len(rest))
	count := func(shown int) {
		for i, d := range rest {
			nearness[i] += near(d, shown)
		}
	}
	for d, old := range seen {
		if old {
			count(d)
		}
	}
	var drawn []int
	for len(drawn) < want && len(rest) > 0 {
		var sum float64
		for _, w := range nearness {
			sum += w
		}
		i := 0
		if sum > 0 {
			for at := r.Float64() * sum; i < len(rest)-1 && at >= nearness[i]; i++ {
				at -= nearness[i]
			}
		} else {
			i = r.Intn(len(rest))
		}
		d := rest[i]
		drawn = append(drawn, d)
		rest, nearness = slices.Delete(rest, i, i+1), slices.Delete(nearness, i, i+1)
		count(d)
	}
	slices.Sort(drawn)
	return drawn
}

// Admit remembers a question that passes of g answers got right, if that is neither none nor all,
// and forgets the oldest of its place beyond Length. A question that is remembered already is not
// remembered again. It reports whether the question was remembered.
func (m *Memory) Admit(t task.Task, cluster int, v View, question, answer string, passes, g int) bool {
	admitted := Informative(passes, g)
	if m.config.AdmitSolved {
		admitted = g > 0 && 100*passes >= g
	}
	if !admitted || m.config.Length <= 0 {
		return false
	}
	docs := v.New
	if m.config.Cumulative {
		docs = v.Docs
	}
	// JSON holds valid UTF-8 only; keeping the same here makes a resumed memory equal to this one.
	e := Entry{slices.Clone(docs), strings.ToValidUTF8(question, "\uFFFD"), strings.ToValidUTF8(answer, "\uFFFD")}
	at := place{t, cluster}
	same := func(other Entry) bool { return Same(other.Question, e.Question) }
	if slices.ContainsFunc(m.entries[at], same) {
		return false
	}
	kept := append(m.entries[at], e)
	m.entries[at] = slices.Clone(kept[max(0, len(kept)-m.config.Length):])
	return true
}

// Same reports whether two questions are one but for case and spaces.
func Same(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// Entries returns the questions remembered for a task and cluster, oldest first; the caller must
// not change them.
func (m *Memory) Entries(t task.Task, cluster int) []Entry { return m.entries[place{t, cluster}] }

// Len returns how many questions are remembered.
func (m *Memory) Len() (n int) {
	for _, entries := range m.entries {
		n += len(entries)
	}
	return n
}

// savedPlace is one line of the memory's JSON.
type savedPlace struct {
	Task    task.Task `json:"task"`
	Cluster int       `json:"cluster"`
	Entries []Entry   `json:"entries"`
}

// MarshalJSON writes the questions, ordered by task and cluster.
func (m *Memory) MarshalJSON() ([]byte, error) {
	saved := make([]savedPlace, 0, len(m.entries))
	for at, entries := range m.entries {
		saved = append(saved, savedPlace{at.task, at.cluster, entries})
	}
	slices.SortFunc(saved, func(a, b savedPlace) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Cluster, b.Cluster))
	})
	return json.Marshal(saved)
}

// Restore replaces the questions by those of MarshalJSON's output. counts[i] is the number of
// documents of cluster i. On error the memory is unchanged.
func (m *Memory) Restore(data []byte, counts []int) error {
	var saved []savedPlace
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("history memory: %w", err)
	}
	entries := make(map[place][]Entry, len(saved))
	for _, s := range saved {
		at := place{s.Task, s.Cluster}
		if _, twice := entries[at]; twice {
			return fmt.Errorf("history memory: %v questions of cluster %d occur twice", s.Task, s.Cluster)
		}
		if s.Cluster < 0 || s.Cluster >= len(counts) {
			return fmt.Errorf("history memory: it knows cluster %d but there are %d clusters; "+
				"resume with the documents the run began with", s.Cluster, len(counts))
		}
		if len(s.Entries) == 0 || len(s.Entries) > m.config.Length {
			return fmt.Errorf("history memory: cluster %d has %d questions where 1 to %d are kept; "+
				"resume with the memory length the run began with", s.Cluster, len(s.Entries), m.config.Length)
		}
		for _, e := range s.Entries {
			for i, d := range e.Docs {
				if d < 0 || d >= counts[s.Cluster] || i > 0 && d <= e.Docs[i-1] {
					return fmt.Errorf("history memory: cluster %d has %d documents but a question names %v; "+
						"resume with the documents the run began with", s.Cluster, counts[s.Cluster], e.Docs)
				}
			}
		}
		entries[at] = s.Entries
	}
	m.entries = entries
	return nil
}
