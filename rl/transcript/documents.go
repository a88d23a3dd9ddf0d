package transcript

import (
	"encoding/json"
	"fmt"
	"os"

	"spell/rl/spell"
	"spell/tensor/atomicfile"
)

// documents are those that a transcript has of clusters. They stay in the file but for one cluster's, since all
// may be more than memory holds.
type documents struct {
	path    string
	at      map[string]span // lines by cluster
	cluster string          // whose texts are at hand
	texts   []string
}

// A span is where a line begins, and its bytes.
type span struct {
	from int64
	size int
}

// add takes down where the documents of a cluster are.
func (d *documents) add(cluster string, at span) {
	d.at[cluster] = at
	if d.cluster == cluster {
		d.texts = nil
	}
}

// of returns the documents of a cluster; none if the transcript does not have them, as one that began in another
// file.
func (d *documents) of(cluster string) ([]string, error) {
	at, ok := d.at[cluster]
	if !ok {
		return nil, nil
	}
	if d.texts != nil && d.cluster == cluster {
		return d.texts, nil
	}
	f, err := os.Open(d.path)
	if err != nil {
		return nil, atomicfile.Cause(err)
	}
	defer f.Close()
	raw := make([]byte, at.size)
	if _, err := f.ReadAt(raw, at.from); err != nil {
		return nil, fmt.Errorf("reading the documents of %s: %w", cluster, atomicfile.Cause(err))
	}
	var line spell.Documents
	if err := json.Unmarshal(raw, &line); err != nil {
		return nil, fmt.Errorf("reading the documents of %s: %w", cluster, err)
	}
	d.cluster, d.texts = cluster, line.Documents
	return d.texts, nil
}
