package curriculum

import (
	"encoding/json"
	"fmt"
	"slices"

	"spell/rl/task"
	"spell/tensor/rng"
)

// Domain is the clusters one task draws from.
type Domain struct {
	Task     task.Task
	Clusters []int
	Weight   int // share of a draw relative to the other domains; all 1 in the paper
}

// Item is one thing to do: ask a question of this kind about this cluster.
type Item struct {
	Task    task.Task
	Cluster int
}

// Suit exchanges clusters between domains so that each has such as suit its task, and as many as before; what
// finds no other place goes to the smallest domain that it suits. The order of the clusters stays, and domains that
// suit stay as they are.
func Suit(domains []Domain, suits func(t task.Task, cluster int) bool) {
	for i := range domains {
		d := &domains[i]
		for k := 0; k < len(d.Clusters); k++ {
			cluster := d.Clusters[k]
			if suits(d.Task, cluster) {
				continue
			}
			if other, at := exchange(domains, i, cluster, suits); other != nil {
				d.Clusters[k], other.Clusters[at] = other.Clusters[at], cluster
				continue
			}
			d.Clusters = slices.Delete(d.Clusters, k, k+1)
			k--
			var least *Domain
			for j := range domains {
				other := &domains[j]
				if suits(other.Task, cluster) && !slices.Contains(other.Clusters, cluster) &&
					(least == nil || len(other.Clusters) < len(least.Clusters)) {
					least = other
				}
			}
			if least != nil {
				least.Clusters = append(least.Clusters, cluster)
			}
		}
	}
	for i := range domains {
		slices.Sort(domains[i].Clusters)
	}
}

// exchange finds a cluster of another domain that suits domain i and may change places with one that does not.
func exchange(domains []Domain, i, cluster int, suits func(task.Task, int) bool) (other *Domain, at int) {
	for j := range domains {
		other := &domains[j]
		if j == i || !suits(other.Task, cluster) || slices.Contains(other.Clusters, cluster) {
			continue
		}
		for at, c := range other.Clusters {
			if suits(domains[i].Task, c) && !slices.Contains(domains[i].Clusters, c) {
				return other, at
			}
		}
	}
	return nil, 0
}

// Split divides clusters that serve several tasks into disjoint random parts of equal size, one
// domain of weight 1 each; the first parts are one larger where the number does not divide.
func Split(clusters []int, tasks []task.Task, seed uint64) []Domain {
	order := rng.At(seed, rng.Split, 0, 0, 0).Perm(len(clusters))
	domains := make([]Domain, len(tasks))
	for i, t := range tasks {
		domains[i] = Domain{Task: t, Weight: 1}
		for k := i; k < len(order); k += len(tasks) {
			domains[i].Clusters = append(domains[i].Clusters, clusters[order[k]])
		}
		slices.Sort(domains[i].Clusters)
	}
	return domains
}

// Sampler draws items: to each domain its share, taken from the domain's clusters in random order
// without repetition until too few remain for a draw. Its state is three numbers a domain; the
// orders follow from the seed.
type Sampler struct {
	seed     uint64
	together int // items of a cluster that is drawn
	draws    uint64
	domains  []shuffled
}

// shuffled is a domain read in the random order of its epoch.
type shuffled struct {
	Domain
	epoch    uint64
	order    []int // Clusters in the order of the epoch
	position int   // clusters of order already drawn
}

// NewSampler starts at the first epoch of every domain. A cluster that is drawn gives so many items together.
func NewSampler(seed uint64, domains []Domain, together int) (*Sampler, error) {
	if len(domains) == 0 {
		return nil, fmt.Errorf("there is no task to draw questions for: name at least one")
	}
	s := &Sampler{seed: seed, together: together}
	for _, d := range domains {
		if slices.ContainsFunc(s.domains, func(other shuffled) bool { return other.Task == d.Task }) {
			return nil, fmt.Errorf("task %v is named twice", d.Task)
		}
		if len(d.Clusters) == 0 {
			return nil, fmt.Errorf("task %v has no clusters: add documents or leave the task out", d.Task)
		}
		if d.Weight <= 0 {
			return nil, fmt.Errorf("task %v has weight %d: weights are positive", d.Task, d.Weight)
		}
		s.domains = append(s.domains, shuffled{Domain: d})
		s.domains[len(s.domains)-1].begin(seed, 0)
	}
	return s, nil
}

func (d *shuffled) begin(seed, epoch uint64) {
	d.epoch, d.position = epoch, 0
	d.order = make([]int, len(d.Clusters))
	for i, k := range rng.At(seed, rng.Shuffle, uint64(d.Task), epoch, 0).Perm(len(d.Clusters)) {
		d.order[i] = d.Clusters[k]
	}
}

// Draw returns at least n items, those of a cluster together and these in random order, each domain's share
// proportional to its weight. What does not divide goes to one domain each, another one with every draw. A domain
// begins a new epoch when fewer clusters remain than its share, and those are passed over. No cluster is drawn twice
// for a domain's share, so that a question about it can be remembered before others are asked: of a domain with fewer
// clusters than its share, each is drawn once. There are fewer items then.
func (s *Sampler) Draw(n int) []Item {
	n = s.drawn(n)
	clusters := make([]Item, 0, n)
	for i, share := range s.shares(n) {
		d := &s.domains[i]
		share = min(share, len(d.order))
		if len(d.order)-d.position < share {
			d.begin(s.seed, d.epoch+1)
		}
		for _, cluster := range d.order[d.position : d.position+share] {
			clusters = append(clusters, Item{d.Task, cluster})
		}
		d.position += share
	}
	// Without this a run that stops at enough questions would favour the first task.
	r := rng.At(s.seed, rng.Batch, s.draws, 0, 0)
	r.Shuffle(len(clusters), func(i, j int) { clusters[i], clusters[j] = clusters[j], clusters[i] })
	s.draws++
	items := make([]Item, 0, len(clusters)*s.together)
	for _, c := range clusters {
		items = append(items, slices.Repeat([]Item{c}, s.together)...)
	}
	return items
}

// drawn returns how many clusters are drawn for n items.
func (s *Sampler) drawn(n int) int { return (n + s.together - 1) / s.together }

// Fresh returns a sampler of the same domains at their first epochs.
func (s *Sampler) Fresh() *Sampler {
	fresh := &Sampler{seed: s.seed, together: s.together, domains: slices.Clone(s.domains)}
	for i := range fresh.domains {
		fresh.domains[i].begin(s.seed, 0)
	}
	return fresh
}

// Whole returns how large a draw must be to have an item of every cluster of every domain.
func (s *Sampler) Whole() (n int) {
	total := s.weights()
	for _, d := range s.domains {
		n = max(n, (len(d.Clusters)*total+d.Weight-1)/d.Weight)
	}
	return n * s.together
}

// weights returns the sum of the weights of the domains.
func (s *Sampler) weights() (total int) {
	for _, d := range s.domains {
		total += d.Weight
	}
	return total
}

// Most returns how many items a draw of n has, about: fewer where domains have fewer clusters than
// their share.
func (s *Sampler) Most(n int) (most int) {
	for i, share := range s.shares(s.drawn(n)) {
		most += min(share, len(s.domains[i].Clusters))
	}
	return most * s.together
}

func (s *Sampler) shares(n int) []int {
	total := s.weights()
	shares, left := make([]int, len(s.domains)), n
	for i, d := range s.domains {
		shares[i] = n * d.Weight / total
		left -= shares[i]
	}
	// left < len(domains). Turning by left each draw would repeat a pattern; by one, every domain
	// is first in turn.
	for k := range left {
		shares[(int(s.draws%uint64(len(shares)))+k)%len(shares)]++
	}
	return shares
}

type savedSampler struct {
	Seed    uint64        `json:"seed"`
	Draws   uint64        `json:"draws"`
	Domains []savedDomain `json:"domains"`
}

type savedDomain struct {
	Task     task.Task `json:"task"`
	Clusters int       `json:"clusters"`
	Weight   int       `json:"weight"`
	Epoch    uint64    `json:"epoch"`
	Position int       `json:"position"`
}

// MarshalJSON writes the sampler's state.
func (s *Sampler) MarshalJSON() ([]byte, error) {
	saved := savedSampler{Seed: s.seed, Draws: s.draws, Domains: make([]savedDomain, len(s.domains))}
	for i, d := range s.domains {
		saved.Domains[i] = savedDomain{d.Task, len(d.Clusters), d.Weight, d.epoch, d.position}
	}
	return json.Marshal(saved)
}

// Restore sets the state to MarshalJSON's output. The sampler must have been made with the same
// seed and domains as the one that wrote it; on error it is unchanged.
func (s *Sampler) Restore(data []byte) error {
	var saved savedSampler
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("sampler: %w", err)
	}
	if saved.Seed != s.seed || len(saved.Domains) != len(s.domains) {
		return fmt.Errorf("sampler: the run began with seed %d and %d tasks, now there are seed %d and %d tasks; "+
			"resume with the former", saved.Seed, len(saved.Domains), s.seed, len(s.domains))
	}
	for i, d := range saved.Domains {
		now := s.domains[i]
		if d.Task != now.Task || d.Clusters != len(now.Clusters) || d.Weight != now.Weight {
			return fmt.Errorf("sampler: the run began with %d clusters and weight %d for %v, "+
				"now there are %d and %d for %v; resume with the former",
				d.Clusters, d.Weight, d.Task, len(now.Clusters), now.Weight, now.Task)
		}
		if d.Position < 0 || d.Position > d.Clusters {
			return fmt.Errorf("sampler: position %d of %d clusters for %v is outside the list: "+
				"the checkpoint is damaged", d.Position, d.Clusters, d.Task)
		}
	}
	s.draws = saved.Draws
	for i, d := range saved.Domains {
		s.domains[i].begin(s.seed, d.Epoch)
		s.domains[i].position = d.Position
	}
	return nil
}
