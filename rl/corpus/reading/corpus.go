package reading

import (
	"sync"

	"spell/rl/corpus"
	"spell/rl/task"
	"spell/tensor/rng"
)

// Corpus knows what is true of the documents of a corpus. Clusters are read when they are asked about, and
// the last ones are kept. It may be used concurrently, and is the judge of self-play over the corpus.
type Corpus struct {
	mu     sync.Mutex
	texts  map[string]corpus.Cluster
	read   map[string]*reader
	recent []string // names of those that are read, the last one last
}

// A reader is a cluster that is read once.
type reader struct {
	once    sync.Once
	cluster *Cluster
}

// keep is how many clusters are kept.
const keep = 64

// NewCorpus returns what is true of a corpus.
func NewCorpus(c *corpus.Corpus) *Corpus {
	k := &Corpus{texts: map[string]corpus.Cluster{}, read: map[string]*reader{}}
	k.Divided(c.Clusters)
	return k
}

// Divided adds clusters, in place of those of their names: what the corpus was divided into to fit prompts.
// A question is then judged by the documents that its responder reads.
func (k *Corpus) Divided(clusters []corpus.Cluster) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range clusters {
		k.texts[c.Name] = c
		delete(k.read, c.Name)
	}
}

// Cluster returns the cluster with a name; of a part that the corpus was not told of, the whole one.
func (k *Corpus) Cluster(name string) (*Cluster, bool) {
	k.mu.Lock()
	c, ok := k.texts[name]
	if !ok {
		name = corpus.Whole(name)
		if c, ok = k.texts[name]; !ok {
			k.mu.Unlock()
			return nil, false
		}
	}
	r := k.read[name]
	if r == nil {
		r = &reader{}
		k.read[name] = r
	}
	k.touch(name)
	k.mu.Unlock()
	r.once.Do(func() { r.cluster = NewCluster(c) })
	return r.cluster, true
}

// touch makes a name the last one, and forgets the cluster that was not asked about for longest.
func (k *Corpus) touch(name string) {
	for i, other := range k.recent {
		if other == name {
			k.recent = append(k.recent[:i], k.recent[i+1:]...)
			break
		}
	}
	k.recent = append(k.recent, name)
	if len(k.recent) > keep {
		delete(k.read, k.recent[0])
		k.recent = k.recent[1:]
	}
}

// Right reports whether a question's reference answer is true, and known whether a place of the cluster
// fits the question.
func (k *Corpus) Right(cluster string, t task.Task, q task.Question) (right, known bool) {
	c, ok := k.Cluster(cluster)
	if !ok {
		return false, false
	}
	truth, ok := c.Truth(q.Text, t)
	return ok && manners[t].right(truth, q), truth.Found
}

// Ask returns a true question of a kind about a cluster; ok is false if there is none.
func (k *Corpus) Ask(cluster string, t task.Task, random *rng.Rand) (q task.Question, ok bool) {
	c, ok := k.Cluster(cluster)
	if !ok {
		return q, false
	}
	for _, i := range random.Perm(NumQuestionKinds) {
		if kind := Kind(i); kind.Task() == t {
			if q, ok := c.Question(random, kind); ok {
				return q.Question, true
			}
		}
	}
	return q, false
}

// Same reports whether two answers mean the same.
func (k *Corpus) Same(_ task.Task, a, b string) bool { return Same(a, b) }
