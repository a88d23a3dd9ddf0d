package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"spell/rl/corpus"
	"spell/rl/corpus/decode"
	"spell/rl/corpus/folder"
	"spell/rl/corpus/format"
	"spell/tensor/fixture"
)

// A world of words from which tests make documents of several topics.
var topics = []string{"harbour", "orchard", "glacier", "foundry", "parliament", "theatre"}

// prose returns text of so many words about a topic.
func prose(rng *rand.Rand, topic string, words int) string {
	var b strings.Builder
	for i := range words {
		if i > 0 && i%12 == 0 {
			b.WriteString(".\n\n"[:1+2*rng.IntN(2)])
		}
		word := fmt.Sprintf("w%s", string(rune('a'+rng.IntN(26)))+string(rune('a'+rng.IntN(26))))
		if rng.IntN(3) == 0 {
			word = fmt.Sprintf("%s%s", topic, string(rune('a'+rng.IntN(20))))
		}
		b.WriteString(" " + word)
	}
	return strings.TrimSpace(b.String())
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func line(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw) + "\n"
}

const planted = "The committee that met in the old customs house in the autumn of that year resolved by nine " +
	"votes to four that the lighthouse keeper should be paid in barley, and that no ship should leave before the " +
	"bells had rung twice."

// documents writes a folder with planted duplicates and a planted paragraph of a benchmark, and the benchmark.
func documents(t testing.TB, dir string) (in, bench string) {
	t.Helper()
	in, bench = filepath.Join(dir, "in"), filepath.Join(dir, "bench.json")
	rng := rand.New(rand.NewPCG(1, 2))
	var lines strings.Builder
	for i := range 240 {
		topic := topics[i%len(topics)]
		text := prose(rng, topic, 60+rng.IntN(500))
		switch {
		case i == 100: // all but a word
			raw, err := os.ReadFile(filepath.Join(in, topics[1], "007.txt"))
			if err != nil {
				t.Fatal(err)
			}
			text = strings.Replace(string(raw), " w", " changed w", 1)
		case i == 101:
			text = prose(rng, topic, 300) + "\n\n" + planted + "\n\n" + prose(rng, topic, 10)
		case i == 150:
			lines.WriteString("{\"text\": 3}\n{\n" + line(t, map[string]any{"text": "too short"}))
		}
		if i < 120 {
			write(t, filepath.Join(in, topic, fmt.Sprintf("%03d.txt", i)), text)
			continue
		}
		lines.WriteString(line(t, map[string]any{"id": i, "text": text}))
		if i == 130 {
			lines.WriteString(line(t, map[string]any{"id": "again", "text": strings.ToUpper(text)}))
		}
	}
	write(t, filepath.Join(in, "lines.jsonl"), lines.String())
	write(t, filepath.Join(in, "picture.png"), "\x89PNG")
	write(t, filepath.Join(in, "broken.pdf"), "%PDF-1.4 and nothing more")
	write(t, bench, line(t, []any{map[string]any{"question": "What was paid?", "context": []string{planted}}}))
	return in, bench
}

// small are steps of which this much text has many.
func small() steps {
	return steps{batch: 40, sorted: 1 << 15, checkpoint: 1 << 18, vectors: 200, shard: 1 << 17,
		reached: func(string) {}}
}

func options(in, bench, out string) Options {
	c := Default()
	c.DocChars, c.Target, c.Least, c.Most, c.Dims, c.Sample = 1000, 8, 3, 12, 16, 128
	return Options{In: []string{in}, Out: out, Bench: []string{bench}, Config: c, Workers: 2, steps: small()}
}

func run(t testing.TB, o Options) *Report {
	t.Helper()
	r, again, err := Run(context.Background(), o)
	if err != nil || again {
		t.Fatal(again, err)
	}
	return r
}

// files returns what is in a folder.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// leftOut returns the lines of left-out.jsonl.
func leftOut(t testing.TB, out string) (all []Left) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(out, leftOutFile))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(raw)) {
		var left Left
		if err := json.Unmarshal([]byte(l), &left); err != nil {
			t.Fatal(err)
		}
		all = append(all, left)
	}
	return all
}

// TestBuild: what was planted is found, all else is in one cluster, and clusters keep to a topic.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	in, bench := documents(t, dir)
	o := options(in, bench, filepath.Join(dir, "out"))
	r := run(t, o)
	var got []string
	for _, l := range leftOut(t, o.Out) {
		got = append(got, fmt.Sprintf("%s %s: %s, %s", l.What, l.Name, l.Why, l.Detail))
	}
	want := []string{
		"file picture.png: other format, .png",
		"file broken.pdf: no PDF that can be read, not a PDF file: invalid header",
		`document lines.jsonl, line 32: the field "text" is no text, `,
		"document lines.jsonl, line 33: not JSON, it ends where a name in double quotes is wanted (byte 2)",
		"document lines.jsonl, line 34: too short, 9 characters, at least 100 are wanted",
		"piece theatre/101.txt#3: text of a benchmark, 30 runs of 13 words, the first in bench.json",
		"document lines.jsonl, line 12: duplicate, of lines.jsonl, line 11",
		"document parliament/100.txt: near-duplicate, of orchard/007.txt",
	}
	if !slices.Equal(got, want) {
		t.Errorf("left out are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	c, again, err := Open(context.Background(), o.Out, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Open(context.Background(), o.Out, 1000, nil)
	if err == nil || !strings.Contains(err.Error(), "up to 0.0 GB, about 0 clusters of its") {
		t.Errorf("a corpus larger than memory: %v", err)
	}
	if !reflect.DeepEqual(again, r) || r.Read != 241 || r.Files != 121 || r.Clusters != len(c.Clusters) {
		t.Errorf("the report is %+v, and was %+v", again, r)
	}
	names, right, docs := map[string]bool{}, 0, 0
	for _, cl := range c.Clusters {
		if n := len(cl.Docs); n < o.Config.Least || n > o.Config.Most {
			t.Errorf("cluster %s has %d documents", cl.Name, n)
		}
		of := map[string]int{}
		for _, d := range cl.Docs {
			if names[d.Name] || d.Text == "" || strings.TrimSpace(d.Text) != d.Text || len(d.Text) > 1000 {
				t.Errorf("document %s is there twice or not as it should be: %q", d.Name, d.Text)
			}
			names[d.Name] = true
			for _, topic := range topics {
				if strings.Contains(d.Text, topic) {
					of[topic]++
					break
				}
			}
			if strings.Contains(d.Text, "lighthouse keeper") {
				t.Errorf("%s holds what was planted", d.Name)
			}
		}
		docs += len(cl.Docs)
		right += slices.Max(slices.Collect(maps.Values(of)))
	}
	if docs != r.Documents || 100*right < 95*docs {
		t.Errorf("%d of %d documents, of %d, are in clusters of their topic", right, docs, r.Documents)
	}
	for i, topic := range topics {
		name := fmt.Sprintf("%s/%03d.txt", topic, i)
		if !names[name] && !names[name+"#1"] {
			t.Errorf("%s is in no cluster", name)
		}
	}

	// The work is the same whoever does it, and done once.
	first := files(t, o.Out)
	o.Workers, o.sorted = 1, 96<<20
	if _, finished, err := Run(context.Background(), o); err != nil || !finished {
		t.Errorf("a second time: finished %t, %v", finished, err)
	}
	if err := os.RemoveAll(o.Out); err != nil {
		t.Fatal(err)
	}
	run(t, o)
	alike(t, "by one worker", files(t, o.Out), first)
}

// alike wants equal files.
func alike(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for name := range maps.Keys(want) {
		if got[name] != want[name] {
			t.Errorf("%s: %s differs", what, name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// asKilled, set to folder, stage and number, makes the test binary a process that is killed there.
const asKilled = "SPELL_TEST_KILLED"

func TestMain(m *testing.M) {
	if how := os.Getenv(asKilled); how != "" {
		var at string
		var n int
		dir := os.Getenv(asKilled + "_DIR")
		fmt.Sscan(how, &at, &n)
		o := options(filepath.Join(dir, "in"), filepath.Join(dir, "bench.json"), filepath.Join(dir, "out"))
		if at == meansFile {
			o.Model = reader()
		}
		o.reached = func(stage string) {
			if stage == at {
				if n--; n == 0 {
					self, err := os.FindProcess(os.Getpid())
					if err == nil {
						err = self.Kill()
					}
					fmt.Println(err)
					select {}
				}
			}
		}
		if at == "disk" {
			limitFiles(int64(n))
		}
		_, _, err := Run(context.Background(), o)
		fmt.Print("ended: ", err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killed runs a corpus in a process of its own, and returns what it said.
func killed(t *testing.T, dir, how string) string {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asKilled+"="+how, asKilled+"_DIR="+dir)
	out, _ := c.CombinedOutput()
	return string(out)
}

// TestKilled: whenever a process is killed, the same command goes on to the same bytes.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	in, bench := documents(t, dir)
	o := options(in, bench, filepath.Join(dir, "out"))
	run(t, o)
	want := files(t, o.Out)
	stages := []string{"batch 1", "batch 2", "read 1", "read 2", docsFile + " 1", piecesFile + " 1", spaceFile + " 1",
		vectorsFile + " 2", clustersFile + " 5", "write 1", "write 3", "report 1", "end 1"}
	if testing.Short() {
		stages = []string{"read 2", piecesFile + " 1", vectorsFile + " 2", "write 2"}
	}
	for _, how := range stages {
		if err := os.RemoveAll(o.Out); err != nil {
			t.Fatal(err)
		}
		if said := killed(t, dir, how); strings.Contains(said, "ended") {
			t.Fatalf("nothing was killed at %s: %s", how, said)
		}
		if got := files(t, o.Out); reflect.DeepEqual(got, want) {
			t.Fatalf("%s: it was finished when it was killed", how)
		}
		if _, again, err := Run(context.Background(), o); err != nil || again != (how == "end 1") {
			t.Fatalf("%s: %t, %v", how, again, err)
		}
		alike(t, how, files(t, o.Out), want)
	}

	// Killed again and again.
	if err := os.RemoveAll(o.Out); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for n := 0; n < 100; n++ {
		if strings.Contains(killed(t, dir, []string{"read 1", vectorsFile + " 1", "write 1"}[n%3]), "ended: <nil>") {
			break
		}
		kills++
	}
	if alike(t, "killed many times", files(t, o.Out), want); kills < 3 {
		t.Errorf("killed only %d times", kills)
	}
}

// TestInterrupted: a signal ends the work where it is, and says how to go on.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	in, bench := documents(t, dir)
	o := options(in, bench, filepath.Join(dir, "out"))
	run(t, o)
	want := files(t, o.Out)
	stages := []string{"batch", docsFile, vectorsFile, clustersFile, "write"}
	if testing.Short() {
		stages = stages[:2]
	}
	for _, at := range stages {
		if err := os.RemoveAll(o.Out); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		o.reached = func(stage string) {
			if stage == at {
				cancel()
			}
		}
		_, _, err := Run(ctx, o)
		var i *Interrupted
		if !errors.As(err, &i) || i.ExitCode() != 130 ||
			!strings.Contains(err.Error(), "the same command goes on with "+o.Out) {
			t.Errorf("%s: %v", at, err)
		}
		o.reached = func(string) {}
		run(t, o)
		alike(t, at, files(t, o.Out), want)
		cancel()
	}
}

// TestRefused: what cannot be gone on with is said in a sentence, and nothing is touched.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	in, bench := documents(t, dir)
	half := filepath.Join(dir, "half") // begun, and interrupted
	ctx, cancel := context.WithCancel(context.Background())
	o := options(in, bench, half)
	o.reached = func(stage string) { cancel() }
	Run(ctx, o)
	other := filepath.Join(dir, "other")
	write(t, filepath.Join(other, "mine.txt"), "mine")
	write(t, filepath.Join(dir, "empty", "a.bin"), "\x00")
	write(t, filepath.Join(dir, "short", "a.txt"), "a few words")
	write(t, filepath.Join(dir, "bad.json"), `{"question": "where`)
	fresh := filepath.Join(dir, "fresh")
	for _, c := range []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"foreign", func(o *Options) { o.Out = other }, other + " holds mine.txt"},
		{"a file", func(o *Options) { o.Out = filepath.Join(other, "mine.txt") }, "is a file; name a folder"},
		{"other settings", func(o *Options) { o.Config.DocChars = 900 }, "other settings, doc_chars 1000; give the same"},
		{"other files", func(o *Options) { o.In = []string{dir} }, "a corpus of other files, --in " + in},
		{"other benchmark", func(o *Options) { o.Bench = nil }, "--bench " + bench},
		{"no files", func(o *Options) { o.In, o.Out = []string{filepath.Join(dir, "nowhere")}, fresh }, "does not exist"},
		{"nothing to read", func(o *Options) { o.In, o.Out = []string{filepath.Join(dir, "empty")}, fresh }, "no file to read"},
		{"not of a kind", func(o *Options) { o.In, o.Out = []string{filepath.Join(dir, "empty", "a.bin")}, fresh }, "not of a kind"},
		{"no benchmark", func(o *Options) { o.Bench, o.Out = []string{"nowhere.json"}, fresh }, "--bench nowhere.json does not"},
		{"sizes", func(o *Options) { o.Config.Most, o.Out = 5, fresh }, "most is 5 and least 3"},
		{"too little", func(o *Options) { o.In, o.Out = []string{filepath.Join(dir, "short")}, fresh+"1" }, "left out: 1 document too short"},
		{"bad benchmark", func(o *Options) { o.Bench, o.Out = []string{filepath.Join(dir, "bad.json")}, fresh+"2" }, "bad.json: it is no JSON"},
	} {
		o := options(in, bench, half)
		c.change(&o)
		before := map[string]string{}
		if exists(o.Out) && o.Out != filepath.Join(other, "mine.txt") {
			before = files(t, o.Out)
		}
		_, _, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if len(before) > 0 {
			alike(t, c.name, files(t, o.Out), before)
		}
		if o.Out == fresh && exists(fresh) {
			t.Errorf("%s: %s was left behind", c.name, fresh)
		}
	}

	write(t, filepath.Join(in, "lines.jsonl"), "changed")
	if _, _, err := Run(context.Background(), options(in, bench, half)); err == nil ||
		!strings.Contains(err.Error(), "lines.jsonl cannot be gone on with: it has changed") {
		t.Error(err)
	}
	if _, _, err := Open(context.Background(), half, 0, nil); err == nil ||
		!strings.Contains(err.Error(), "is not finished") {
		t.Error(err)
	}
}

// TestChanged: a finished corpus that somebody edited is refused.
func TestChanged(t *testing.T) {
	dir := t.TempDir()
	in, bench := documents(t, dir)
	o := options(in, bench, filepath.Join(dir, "out"))
	run(t, o)
	path := filepath.Join(o.Out, "clusters-00001.jsonl")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{strings.Replace(string(raw), "wa", "wb", 1), "", "no JSON\n"} {
		write(t, path, text)
		if _, _, err := Open(context.Background(), o.Out, 0, nil); err == nil ||
			!strings.Contains(err.Error(), "clusters-00001.jsonl is not as spell corpus wrote it") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// TestRealDocuments: every document of the shared data is read, and what of it is in no cluster has a reason.
func TestRealDocuments(t *testing.T) {
	for _, name := range []string{"filings", "classics", "factbook"} {
		t.Run(name, func(t *testing.T) {
			in := fixture.Path(t, "docs/"+name)
			o := Options{In: []string{in}, Out: filepath.Join(t.TempDir(), "out"), Config: Default(), Workers: 2}
			r := run(t, o)
			t.Log(r)
			read := map[string]int{}
			c, _, err := Open(context.Background(), o.Out, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			count := func(name string) {
				file, _, _ := strings.Cut(name, "#")
				read[file]++
			}
			for _, cl := range c.Clusters {
				for _, d := range cl.Docs {
					count(d.Name)
				}
			}
			for _, l := range leftOut(t, o.Out) {
				if l.What != aPiece || !strings.HasSuffix(l.Why, "duplicate") {
					t.Errorf("left out: %+v", l)
				}
				count(l.Name)
			}
			sources, _, err := folder.Walk(context.Background(), in, format.Extensions)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sources {
				raw, err := os.ReadFile(filepath.Join(in, s.Raw))
				if err != nil {
					t.Fatal(err)
				}
				d, err := decode.Decode(raw, func() error { return nil })
				if err != nil {
					t.Fatal(err)
				}
				pieces := 0
				for range corpus.Cut(d.Text, o.Config.DocChars) {
					pieces++
				}
				if read[s.Name] != pieces {
					t.Errorf("%s: %d pieces of %d are accounted for", s.Name, read[s.Name], pieces)
				}
			}
		})
	}
}
