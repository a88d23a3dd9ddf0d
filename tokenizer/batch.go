package tokenizer

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// EncodeAll encodes many texts, as Encode does each, on all processors.
func (t *Tokenizer) EncodeAll(texts []string) [][]int32 {
	out := make([][]int32, len(texts))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(texts)) {
		all.Go(func() {
			var ids []int32
			for i := next.Add(1) - 1; i < int64(len(texts)); i = next.Add(1) - 1 {
				ids = t.Append(ids[:0], texts[i])
				out[i] = slices.Clone(ids)
			}
		})
	}
	all.Wait()
	return out
}
