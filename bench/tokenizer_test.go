package bench

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"spell/tensor/fixture"
	"spell/tokenizer"
)

var (
	npmDir = flag.String("npm", "", "node_modules folder that holds the package tokenizers (npm install tokenizers), "+
		"to measure beside ours")
	textDir = flag.String("text", "", "folder of .txt files to tokenize instead of the shared documents")
	tokDir  = flag.String("tokenizers", "", "folder of NAME/tokenizer.json files instead of the shared ones")
)

// mixedText cuts the .txt files below dir into documents of 16 KiB, up to 20 MB in all.
func mixedText(tb testing.TB, dir string) (docs []string, size int) {
	tb.Helper()
	const piece, limit = 16 << 10, 20_000_000
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		data, err := os.ReadFile(path)
		for text := strings.ToValidUTF8(string(data), ""); text != "" && size < limit; {
			n := min(piece, len(text))
			for n < len(text) && text[n]&0xc0 == 0x80 {
				n++
			}
			docs = append(docs, text[:n])
			size += n
			text = text[n:]
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return docs, size
}

// A peer is a process that encodes the same documents with Hugging Face's tokenizers, on one
// thread, each time it is asked.
type peer struct {
	ask    func() error
	answer *json.Decoder
}

func startPeer(tb testing.TB, file string, docs []string) *peer {
	tb.Helper()
	list := filepath.Join(tb.TempDir(), "documents.jsonl")
	out, err := os.Create(list)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	for _, d := range docs {
		if err := enc.Encode(d); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	out.Close()
	cmd := exec.Command("node", filepath.Join("testdata", "huggingface.mjs"), *npmDir, file, list)
	cmd.Env = append(os.Environ(), "TOKENIZERS_PARALLELISM=false", "RAYON_NUM_THREADS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	answer, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &peer{func() error { _, err := fmt.Fprintln(in); return err }, json.NewDecoder(answer)}
}

// seconds asks for one run and checks that it gave as many tokens.
func (p *peer) seconds(tb testing.TB, tokens int) float64 {
	var run struct {
		Tokens  int
		Seconds float64
	}
	if err := p.ask(); err != nil {
		tb.Fatal(err)
	}
	if err := p.answer.Decode(&run); err != nil {
		tb.Fatalf("the package tokenizers did not answer: %v", err)
	}
	if tokens != run.Tokens {
		tb.Errorf("%d tokens, Hugging Face's tokenizers make %d", tokens, run.Tokens)
	}
	return run.Seconds
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// tokenizers returns the names of those to measure: all in -tokenizers, or the three published
// ones.
func tokenizers(tb testing.TB) []string {
	if *tokDir == "" {
		return []string{"gpt2", "llama3_1", "qwen3"}
	}
	paths, err := filepath.Glob(filepath.Join(*tokDir, "*", "tokenizer.json"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no NAME/tokenizer.json in %s", *tokDir)
	}
	for i, path := range paths {
		paths[i] = filepath.Base(filepath.Dir(path))
	}
	return paths
}

// BenchmarkTokenizer encodes 20 MB of mixed text on one thread and on all, and with -npm DIR
// with Hugging Face's tokenizers in between: medians, in MB/s, and their ratios.
func BenchmarkTokenizer(b *testing.B) {
	texts := *textDir
	if texts == "" {
		texts = fixture.Path(b, "docs")
	}
	docs, size := mixedText(b, texts)
	for _, name := range tokenizers(b) {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(*tokDir, name, "tokenizer.json")
			if *tokDir == "" {
				path = fixture.Path(b, "tokenizers/"+name+"/tokenizer.json")
			}
			tok, err := tokenizer.Load(path)
			if err != nil {
				b.Fatal(err)
			}
			var hf *peer
			if *npmDir != "" {
				hf = startPeer(b, path, docs)
			}
			var one, all, peers []float64
			var ids []int32
			for b.Loop() {
				start := time.Now()
				tokens := 0
				for _, d := range docs {
					ids = tok.Append(ids[:0], d)
					tokens += len(ids)
				}
				one = append(one, time.Since(start).Seconds())
				start = time.Now()
				tok.EncodeAll(docs)
				all = append(all, time.Since(start).Seconds())
				if hf != nil {
					peers = append(peers, hf.seconds(b, tokens))
				}
			}
			rate := func(seconds float64) float64 { return float64(size) / 1e6 / seconds }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rate(median(one)), "MB/s-1")
			b.ReportMetric(rate(median(all)), fmt.Sprintf("MB/s-%d", runtime.GOMAXPROCS(0)))
			b.ReportMetric(median(one)/median(all), "x-threads")
			if hf != nil {
				b.ReportMetric(rate(median(peers)), "MB/s-hf")
				b.ReportMetric(median(peers)/median(one), "x-hf")
			}
		})
	}
}
