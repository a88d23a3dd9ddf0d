package play

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// replayed plays items with what was kept and returns how many asks the engine answered.
func replayed(t *testing.T, k *Kept, items []*talker) int {
	t.Helper()
	e := &engine{next: last}
	d := newDriver(e)
	d.kept = *k
	if _, err := d.Play(context.Background(), players(items)); err != nil {
		t.Fatal(err)
	}
	return len(e.asked)
}

// seen is what items were given.
func seen(items []*talker) (all [][][]Reply) {
	for _, p := range items {
		all = append(all, p.seen)
	}
	return all
}

// copied is what is kept, written and read.
func copied(t *testing.T, k *Kept) *Kept {
	t.Helper()
	var text bytes.Buffer
	if err := k.Write(&text); err != nil {
		t.Fatal(err)
	}
	again := &Kept{}
	if err := again.Read(&text, 128); err != nil || again.Len() != k.Len() {
		t.Fatalf("of %d asks %d are read: %v", k.Len(), again.Len(), err)
	}
	return again
}

// TestKept: a play that is cut off after any reply and made again with what was kept gives every
// item the same bits, and samples only what is missing, also after the way through a file.
func TestKept(t *testing.T) {
	for _, early := range []bool{false, true} {
		all := func() []*talker {
			items := talkers()
			for _, p := range items {
				if early {
					p.stop = func(text string) bool { return len(text) < 3 }
				}
			}
			return items
		}
		straight, e := all(), &engine{next: first}
		if _, err := newDriver(e).Play(context.Background(), players(straight)); err != nil {
			t.Fatal(err)
		}
		total := len(e.asked)
		for cut := range total + 1 {
			ctx, cancel := context.WithCancel(context.Background())
			n := 0
			d := newDriver(&engine{next: func(keys []uint64) int {
				if n++; n == cut {
					cancel()
				}
				return 0
			}})
			if cut == 0 {
				cancel()
			}
			d.Play(ctx, players(all()))
			cancel()
			kept := d.Kept()
			if kept.Len() != cut {
				t.Fatalf("cut off after %d replies, %d are kept", cut, kept.Len())
			}
			for way, k := range map[string]*Kept{"memory": kept, "file": copied(t, kept)} {
				items := all()
				if n := replayed(t, k, items); n != total-cut {
					t.Errorf("cut off after %d of %d replies, %d are sampled from %s", cut, total, n, way)
				}
				if !reflect.DeepEqual(seen(items), seen(straight)) {
					t.Errorf("cut off after %d replies, items see others from %s", cut, way)
				}
			}
			kept.Empty()
			if kept.Len() != 0 || replayed(t, kept, all()) != total {
				t.Error("something is left in what was emptied")
			}
		}
	}
}

// TestKeptForThePrompt: outputs are those of one ask alone: another prompt, number or length under
// the same key is sampled.
func TestKeptForThePrompt(t *testing.T) {
	ask := Ask{Name: "a", Key: 7, Prompt: [][]int32{{1, 2}, {3}}, N: 2, Max: 3}
	d := newDriver(&engine{next: first})
	if _, err := d.Play(context.Background(), []Player{&once{ask}}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(a *Ask)
		kept   bool
	}{
		"the same":       {func(*Ask) {}, true},
		"another name":   {func(a *Ask) { a.Name = "b" }, true},
		"other runs":     {func(a *Ask) { a.Prompt = [][]int32{{1}, {2, 3}} }, true},
		"another prompt": {func(a *Ask) { a.Prompt = [][]int32{{1, 2}, {4}} }, false},
		"a longer one":   {func(a *Ask) { a.Prompt = [][]int32{{1, 2}, {3, 0}} }, false},
		"more outputs":   {func(a *Ask) { a.N = 3 }, false},
		"longer outputs": {func(a *Ask) { a.Max = 4 }, false},
		"another key":    {func(a *Ask) { a.Key = 8 }, false},
	} {
		a := ask
		tt.change(&a)
		e := &engine{next: first}
		again := newDriver(e)
		again.kept = *copied(t, d.Kept())
		if _, err := again.Play(context.Background(), []Player{&once{a}}); err != nil {
			t.Fatal(err)
		}
		if kept := len(e.asked) == 0; kept != tt.kept {
			t.Errorf("%s: played from what was kept: %v", name, kept)
		}
	}
}

// TestReadTorn: a file that was cut off anywhere gives the whole lines before.
func TestReadTorn(t *testing.T) {
	d := newDriver(&engine{next: first})
	if _, err := d.Play(context.Background(), players(talkers())); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := d.Kept().Write(&text); err != nil {
		t.Fatal(err)
	}
	whole := text.String()
	for n := range len(whole) + 1 {
		var k Kept
		if err := k.Read(strings.NewReader(whole[:n]), 128); err != nil || k.Len() != strings.Count(whole[:n], "\n") {
			t.Fatalf("%d bytes give %d asks: %v", n, k.Len(), err)
		}
	}
}

// TestReadHostile: lines that no play wrote are an error, after which nothing is kept, or are
// passed over; none of them reaches an item.
func TestReadHostile(t *testing.T) {
	ask := Ask{Name: "a", Key: 7, Prompt: [][]int32{{1, 2}, {3}}, N: 2, Max: 3}
	output := `{"tokens":[97,98],"logprobs":[-1,-2],"finish":"stop"}`
	line := func(outputs ...string) string {
		return fmt.Sprintf(`{"id":%d,"outputs":[%s]}`, ask.id(), strings.Join(outputs, ","))
	}
	for name, tt := range map[string]struct {
		text string
		err  string // empty: no error
		kept bool   // what was read is played
	}{
		"as written":      {text: line(output, output), kept: true},
		"twice":           {text: line(output) + "\n" + line(output, output), kept: true},
		"no JSON":         {text: "outputs", err: "invalid character"},
		"an empty line":   {text: "\n" + line(output, output), err: "unexpected end"},
		"an array":        {text: `[1]`, err: "cannot unmarshal"},
		"a negative id":   {text: `{"id":-1}`, err: "cannot unmarshal"},
		"text for tokens": {text: line(`{"tokens":"ab"}`), err: "cannot unmarshal"},
		"a large token":   {text: line(output, `{"tokens":[128],"logprobs":[-1],"finish":"stop"}`), err: "token 128; the vocabulary has 128"},
		"a negative one":  {text: line(output, `{"tokens":[-1],"logprobs":[-1],"finish":"stop"}`), err: "token -1"},
		"beyond int32":    {text: line(output, `{"tokens":[4294967297],"logprobs":[-1],"finish":"stop"}`), err: "cannot unmarshal"},
		"few logprobs":    {text: line(output, `{"tokens":[97,98],"logprobs":[-1],"finish":"stop"}`), err: "2 tokens and 1 log-prob"},
		"a large logprob": {text: line(output, `{"tokens":[97],"logprobs":[-1e99],"finish":"stop"}`), err: "cannot unmarshal"},
		"another finish":  {text: line(output, `{"tokens":[97],"logprobs":[-1],"finish":"dropped"}`), err: `"dropped"`},
		"no finish":       {text: line(output, `{"tokens":[97],"logprobs":[-1]}`), err: `""`},
		"null":            {text: "null"},
		"no outputs":      {text: line()},
		"too few":         {text: line(output)},
		"too many":        {text: line(output, output, output)},
		"an empty one":    {text: line(output, `{"tokens":[],"logprobs":[],"finish":"stop"}`)},
		"a long one":      {text: line(output, `{"tokens":[97,97,97,97],"logprobs":[-1,-1,-1,-1],"finish":"length"}`)},
	} {
		var k Kept
		good := `{"id":1,"outputs":[` + output + "]}\n"
		err := k.Read(strings.NewReader(good+tt.text+"\n"), 128)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: error %v, want %q in it", name, err, tt.err)
		}
		if err != nil && k.Len() != 0 {
			t.Errorf("%s: %d asks are kept after an error", name, k.Len())
		}
		e := &engine{next: first}
		d := newDriver(e)
		d.kept = k
		var texts []string
		p := &talker{asks: []int{1}}
		_, err = d.Play(context.Background(), []Player{listener{&once{ask}, &texts}, p})
		if err != nil {
			t.Fatal(err)
		}
		if kept := !slices.Contains(e.asked, ask.Key); kept != tt.kept {
			t.Errorf("%s: played from what was read: %v", name, kept)
		}
		if got := strings.Join(texts, " "); (got == "ab ab") != tt.kept || len(texts) != 2 {
			t.Errorf("%s: the item hears %q", name, got)
		}
	}
}

// A listener is a player that notes what it hears.
type listener struct {
	Player
	texts *[]string
}

func (p listener) Next(replies []Reply) ([]Ask, error) {
	for _, r := range replies {
		for _, o := range r.Outputs {
			*p.texts = append(*p.texts, o.Text)
		}
	}
	return p.Player.Next(replies)
}
