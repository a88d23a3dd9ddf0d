package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBrokenWeights damages model.safetensors and wants it named.
func TestBrokenWeights(t *testing.T) {
	header := func(raw []byte, edit func(head string) string) []byte {
		n := 8 + binary.LittleEndian.Uint64(raw)
		head := edit(string(raw[8:n]))
		out := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
		return append(append(out, head...), raw[n:]...)
	}
	for _, c := range []struct {
		name, want string
		edit       func(raw []byte) []byte
	}{
		{"truncated", "truncated", func(raw []byte) []byte { return raw[:len(raw)/2] }},
		{"empty", "it is empty", func([]byte) []byte { return nil }},
		{"header length beyond the file", "the header says", func(raw []byte) []byte {
			binary.LittleEndian.PutUint64(raw, uint64(len(raw)))
			return raw
		}},
		{"header length of 2^63", "a header of", func(raw []byte) []byte {
			binary.LittleEndian.PutUint64(raw, 1<<63)
			return raw
		}},
		{"overlapping offsets", "overlaps", func(raw []byte) []byte {
			return header(raw, func(head string) string {
				// lm_head.weight and model.embed_tokens.weight are of one size and follow each
				// other.
				size := vocab * 32 * 4
				second := fmt.Sprintf("[%d,%d]", size, 2*size)
				if !strings.Contains(head, second) {
					panic("the fixture is laid out in another way: " + head)
				}
				return strings.Replace(head, second, fmt.Sprintf("[0,%d]", size), 1)
			})
		}},
		{"missing tensor", "model.norm.weight", func(raw []byte) []byte {
			return header(raw, func(head string) string {
				return strings.Replace(head, "model.norm.weight", "model.nose.weight", 1)
			})
		}},
		{"NaN", "NaN", func(raw []byte) []byte {
			binary.LittleEndian.PutUint32(raw[len(raw)-8:], math.Float32bits(float32(math.NaN())))
			return raw
		}},
		{"other file", "safetensors", func([]byte) []byte { return []byte("PK\x03\x04 not a model at all") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			write(t, f.weights, string(c.edit(read(t, f.weights))))
			named := f.weights
			if c.name == "missing tensor" {
				named = f.dir
			}
			spell(t, "", "generate", "--model", f.dir, "--ids", "1").fails(t, named, c.want)
			spell(t, "", "score", "--model", f.dir, "--ids", f.ids).fails(t, named, c.want)
		})
	}
}

// TestBrokenTokenizer damages tokenizer.json and wants it named.
func TestBrokenTokenizer(t *testing.T) {
	type object = map[string]any
	model := func(o object) object { return o["model"].(object) }
	ids := func(o object) object { return model(o)["vocab"].(object) }
	for _, c := range []struct {
		name, want string
		edit       func(o object)
	}{
		{"merge of an absent token", `names the token "zq"`, func(o object) { model(o)["merges"].([]any)[0] = "zq a" }},
		{"merge into an absent token", `names the token "zq"`, func(o object) { model(o)["merges"].([]any)[0] = "z q" }},
		{"duplicate ids", "both have id 5", func(o object) { ids(o)["a"] = 5 }},
		{"far id", "an id is 4000000, but the file has only", func(o object) { ids(o)["a"] = 4000000 }},
		{"missing byte", "byte 0x61", func(o object) {
			ids(o)["zqzq"] = ids(o)["a"]
			delete(ids(o), "a")
			model(o)["merges"] = []any{}
		}},
		{"negative id", "-1", func(o object) { ids(o)["a"] = -1 }},
		{"other model", `"WordPiece"`, func(o object) { model(o)["type"] = "WordPiece" }},
		{"no model", "section model is missing", func(o object) { delete(o, "model") }},
		{"larger than the model's vocabulary", "do not belong together", func(o object) {
			ids(o)["zqzq"] = vocab
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			o := decode[object](t, string(read(t, f.tokenizer)))
			c.edit(o)
			raw, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			write(t, f.tokenizer, string(raw))
			spell(t, "", "generate", "--model", f.dir, "--prompt", "The ferry").fails(t, f.tokenizer, c.want)
			if !strings.HasPrefix(c.name, "larger") {
				spell(t, `"The ferry"`, "tokenize", "--tokenizer", f.tokenizer).fails(t, f.tokenizer, c.want)
			}
		})
	}
	t.Run("not JSON", func(t *testing.T) {
		f := newFixture(t)
		write(t, f.tokenizer, string(read(t, f.tokenizer)[:100]))
		spell(t, "", "tokenize", "--model", f.dir).fails(t, f.tokenizer, "not JSON")
	})
}

func TestBrokenConfig(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(f.dir, "config.json")
	good := string(read(t, path))
	for _, c := range [][3]string{
		{`"model_type": "llama"`, `"model_type": "mamba"`, `model_type "mamba"`},
		{`"num_key_value_heads": 2`, `"num_key_value_heads": 3`, "num_key_value_heads"},
		{`"hidden_size": 32`, `"hidden_size": 1e308`, "hidden_size"},
		{`"hidden_size": 32`, `"hidden_size": 40`, "model.embed_tokens.weight"},
		{`"vocab_size": 270`, `"vocab_size": -270`, "vocab_size is -270"},
		{`"num_hidden_layers": 2`, `"num_hidden_layers": 3`, "model.layers.2."},
		{`"num_hidden_layers": 2`, `"num_hidden_layers": 1`, "model.layers.1."},
		{good, "{", "config.json"},
	} {
		if !strings.Contains(good, c[0]) {
			t.Fatalf("no %s in %s", c[0], good)
		}
		write(t, path, strings.Replace(good, c[0], c[1], 1))
		spell(t, "", "generate", "--model", f.dir, "--ids", "1").fails(t, f.dir, c[2])
	}
}

// TestBadArguments gives command lines that cannot be carried out.
func TestBadArguments(t *testing.T) {
	f := newFixture(t)
	none := filepath.Join(t.TempDir(), "none")
	bare := newFixture(t)
	if err := os.Remove(bare.tokenizer); err != nil {
		t.Fatal(err)
	}
	file := func(text string) string { return write(t, filepath.Join(t.TempDir(), "ids.json"), text) }
	outside := file(`{"ids": [1, 270]}`)
	negative, fraction := file(`{"ids": [1, -1]}`), file(`{"ids": [1.5]}`)
	broken, hollow := file(`{"ids": [1,`), file(`{"tokens": [1]}`)
	long := file(`{"ids": [` + strings.Repeat("1, ", 96) + `1]}`)

	generate := func(args ...string) []string { return append([]string{"generate", "--model", f.dir}, args...) }
	score := func(args ...string) []string { return append([]string{"score", "--model", f.dir}, args...) }
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"generate", "--model", none, "--ids", "1"}, []string{"--model " + none, "config.json", "nothing is downloaded"}},
		{[]string{"score", "--model", none, "--ids", f.ids}, []string{none}},
		{[]string{"tokenize", "--model", none}, []string{none}},
		{[]string{"generate", "--model", f.ids, "--ids", "1"}, []string{f.ids}},
		{[]string{"generate", "--model", bare.dir, "--prompt", "Hello"}, []string{bare.dir, "tokenizer.json", "--ids"}},
		{[]string{"tokenize", "--model", bare.dir}, []string{bare.dir, "tokenizer.json"}},
		{[]string{"tokenize"}, []string{"--model", "--tokenizer"}},
		{[]string{"frobnicate"}, []string{"frobnicate", "see spell help"}},
		{[]string{"trian"}, []string{`"trian"`, "did you mean train?"}},
		{[]string{"help", "bogus"}, []string{`"bogus"`, "see spell help"}},
		{[]string{"help", "train", "plan"}, []string{`"plan"`}},
		{[]string{"train", "--dcos", "x"}, []string{"--dcos", "did you mean --docs?", "see spell help train"}},
		{[]string{"generate", "--max-token", "3"}, []string{"did you mean --max-tokens?", "see spell help generate"}},
		{[]string{"doctor", "-x"}, []string{"-x", "see spell help doctor"}},
		{[]string{"doctor", "now"}, []string{"now"}},
		{[]string{"doctor", "--bogus"}, []string{"--bogus"}},
		{[]string{"doctor", "--backend", "tpu"}, []string{`--backend "tpu"`, "auto, cpu or cuda"}},
		{[]string{"doctor", "--workers", "-1"}, []string{"--workers -1"}},
		{[]string{"doctor", "--workers", "two"}, []string{"--workers", "two"}},

		{generate(), []string{"--prompt", "--ids"}},
		{generate("--prompt", "a", "--ids", "1"), []string{"--prompt", "--ids"}},
		{generate("--ids", "1", "--precision", "f17"), []string{"--precision", `"f17"`, "f32, bf16 or int8"}},
		{generate("--ids", "1", "--bogus"), []string{"--bogus"}},
		{generate("--ids", "1,x"), []string{"--ids", `"x"`}},
		{generate("--ids", "1,,2"), []string{"--ids", `""`}},
		{generate("--ids", "-1"), []string{"--ids", `"-1"`}},
		{generate("--ids", "99999999999"), []string{"--ids", `"99999999999"`}},
		{generate("--ids", "270"), []string{f.dir, "token 270", "the vocabulary has 270"}},
		{generate("--ids", strings.Repeat("1,", 95)+"1"), []string{"96 tokens", "context is 96"}},
		{generate("--ids", "1", "--max-tokens", "0"), []string{"--max-tokens 0"}},
		{generate("--ids", "1", "--n", "0"), []string{"--n 0"}},
		{generate("--ids", "1", "--n", "-3"), []string{"--n -3"}},
		{generate("--ids", "1", "--n", "4000000000"), []string{"--n 4000000000"}},
		{generate("--ids", "1", "--temperature", "-1"), []string{"--temperature -1"}},
		{generate("--ids", "1", "--temperature", "NaN"), []string{"--temperature NaN"}},
		{generate("--ids", "1", "--temperature", "Inf"), []string{"--temperature +Inf"}},
		{generate("--ids", "1", "--top-p", "0"), []string{"--top-p 0"}},
		{generate("--ids", "1", "--top-p", "1.5"), []string{"--top-p 1.5"}},
		{generate("--ids", "1", "--top-k", "-1"), []string{"--top-k -1"}},

		{score("--ids", none), []string{none}},
		{score("--ids", broken), []string{broken, "ids"}},
		{score("--ids", hollow), []string{hollow, "no ids"}},
		{score("--ids", fraction), []string{fraction, "1.5"}},
		{score("--ids", outside), []string{outside, "token 270"}},
		{score("--ids", negative), []string{negative, "token -1"}},
		{score("--ids", long), []string{long, "context of 96"}},
		{score(), []string{"ids"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			spell(t, "", c.args...).fails(t, c.want...)
		})
	}
	for _, c := range []struct {
		stdin string
		flags []string
		want  []string
	}{
		{"[1, 2]", nil, []string{"value 1", "string"}},
		{"\"a\"\n\"b", nil, []string{"value 2"}},
		{`"text"`, []string{"--decode"}, []string{"value 1", "array of ids"}},
		{"[1]\n[270]", []string{"--decode"}, []string{"value 2", "id 270", "vocabulary of 270"}},
		{"[-1]", []string{"--decode"}, []string{"id -1"}},
	} {
		spell(t, c.stdin, append([]string{"tokenize", "--model", f.dir}, c.flags...)...).fails(t, c.want...)
	}
}

// TestBadDocuments gives pretrain folders and recipes it cannot use, and wants nothing written.
func TestBadDocuments(t *testing.T) {
	root := t.TempDir()
	at := func(elem ...string) string { return filepath.Join(append([]string{root}, elem...)...) }
	if err := os.Mkdir(at("empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat(prose, 20)
	binaryFile := write(t, at("binary", "photo.txt"), "\x89PNG\x00\x01\x02")
	write(t, at("foreign", "old.md"), strings.Repeat("\xcf\xf0\xe8\xe2\xe5\xf2 ", 100))
	write(t, at("others", "a.pdf"), "%PDF-1.7")
	write(t, at("blank", "a.txt"), " \n\n")
	write(t, at("good", "a.txt"), text)
	write(t, at("good", "b.txt"), strings.Repeat(moor, 20))
	unknown := write(t, at("unknown.json"), `{"learning_rate": 1}`)
	notJSON := write(t, at("not.json"), `steps: 5`)
	negative := write(t, at("negative.json"), `{"hidden": -8}`)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--docs", at("empty")}, []string{at("empty"), "is empty"}},
		{[]string{"--docs", at("binary")}, []string{at("binary"), "1 binary"}},
		{[]string{"--docs", at("foreign")}, []string{at("foreign"), "1 unknown encoding"}},
		{[]string{"--docs", at("others")}, []string{at("others"), "1 .pdf", ".txt, .md"}},
		{[]string{"--docs", at("blank")}, []string{at("blank"), "1 empty"}},
		{[]string{"--docs", at("none")}, []string{at("none"), "does not exist"}},
		{[]string{"--docs", binaryFile}, []string{binaryFile, "is a file"}},
		{[]string{"--docs", at("good"), "--config", at("none.json")}, []string{at("none.json")}},
		{[]string{"--docs", at("good"), "--config", unknown}, []string{unknown, "learning_rate"}},
		{[]string{"--docs", at("good"), "--config", notJSON}, []string{notJSON}},
		{[]string{"--docs", at("good"), "--config", negative}, []string{"the settings cannot be run: hidden is -8"}},
		{[]string{"--docs", at("good"), "--precision", "f17"}, []string{"f17"}},
		{[]string{"--docs", at("good"), "--precision", "int8"}, []string{"--precision int8", "f32 or bf16"}},
		{[]string{"--docs", at("good"), "--bogus"}, []string{"--bogus"}},
		{[]string{"--docs", at("good"), "--recipe", "poem"}, []string{`--recipe is "poem"`, "text or reading"}},
		{[]string{"--recipe", "reading"}, []string{"--recipe reading", "--docs"}},
		{[]string{"--docs", at("good"), "--recipe", "reading", "--set", "held_out=[a[]"}, []string{"held_out", "a["}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			out := at("out")
			spell(t, "", append([]string{"pretrain", "--out", out, "--workers", "1"}, c.args...)...).fails(t, c.want...)
			if _, err := os.Stat(out); err == nil {
				t.Errorf("%s was made", out)
			}
		})
	}
	spell(t, "", "pretrain", "--docs", at("good")).fails(t, "out")
}

// TestGenerate samples with the fixture: the same seed gives the same answers whatever the
// number of workers, and text where there is a tokenizer.
func TestGenerate(t *testing.T) {
	f := newFixture(t)
	type answer struct {
		IDs      []int32   `json:"ids"`
		Text     string    `json:"text"`
		LogProbs []float32 `json:"logprobs"`
		Finish   string    `json:"finish"`
	}
	ask := func(flags ...string) string {
		args := []string{"generate", "--model", f.dir, "--json", "--n", "3", "--max-tokens", "9"}
		return succeed(t, "", append(args, flags...)...)
	}
	first := ask("--prompt", "The ferry", "--seed", "5", "--workers", "1")
	if second := ask("--prompt", "The ferry", "--seed", "5", "--workers", "2"); second != first {
		t.Errorf("two workers: %s, one: %s", second, first)
	}
	if other := ask("--prompt", "The ferry", "--seed", "6"); other == first {
		t.Error("another seed gave the same answers")
	}
	answers := decode[[]answer](t, first)
	if len(answers) != 3 {
		t.Fatalf("%d answers", len(answers))
	}
	for _, a := range answers {
		if len(a.IDs) != 9 || len(a.LogProbs) != 9 || a.Finish != "length" || a.Text == "" {
			t.Errorf("%+v", a)
		}
	}
	// The prompt as ids is the prompt as text.
	ids := strings.Trim(strings.TrimSpace(succeed(t, `"The ferry"`, "tokenize", "--model", f.dir)), "[]")
	if again := ask("--ids", ids, "--seed", "5"); again != first {
		t.Errorf("as ids %s, as text %s", again, first)
	}
}

// TestGenerateChat puts the prompt into the model's template, where what looks like a special
// token is text; without --chat it is one.
func TestGenerateChat(t *testing.T) {
	f := newFixture(t)
	spell(t, "", "generate", "--model", f.dir, "--prompt", "The", "--chat").fails(t, f.dir, "no chat template")
	spell(t, "", "generate", "--model", f.dir, "--prompt", "The", "--no-thinking").fails(t, "--chat")
	config := filepath.Join(f.dir, "tokenizer_config.json")
	const template = "{% if enable_thinking is defined %}fast {% endif %}The {{ messages[0].content }}" + endToken
	write(t, config, fmt.Sprintf(`{"chat_template": %q}`, template))
	ask := func(flags ...string) string {
		args := []string{"generate", "--model", f.dir, "--max-tokens", "5", "--temperature", "0", "--json"}
		return succeed(t, "", append(args, flags...)...)
	}
	same := func(what, got, want string) {
		t.Helper()
		type answers []struct{ IDs []int }
		if a, b := decode[answers](t, got)[0].IDs, decode[answers](t, want)[0].IDs; !slices.Equal(a, b) {
			t.Errorf("%s: %v, as its ids %v", what, a, b)
		}
	}
	ids := func(text string) string {
		return strings.Trim(strings.TrimSpace(succeed(t, text, "tokenize", "--model", f.dir)), "[]")
	}
	end := fmt.Sprint(vocab - 1)
	plain := ids(`"The <|end|> ferry"`) + "," + end
	same("in the template", ask("--prompt", "<|end|> ferry", "--chat"), ask("--ids", plain))
	fast := ids(`"fast The ferry"`) + "," + end
	same("without thoughts", ask("--prompt", "ferry", "--chat", "--no-thinking"), ask("--ids", fast))
	for _, c := range [][2]string{{plain, "<|end|> ferry"}, {fast, "ferry"}} {
		flags := []string{"tokenize", "--model", f.dir, "--chat"}
		if c[0] == fast {
			flags = append(flags, "--no-thinking")
		}
		shown := decode[struct {
			Prompt string
			IDs    []int
		}](t, succeed(t, fmt.Sprintf("%q", c[1]), flags...))
		if got := strings.Join(strings.Fields(fmt.Sprint(shown.IDs)), ","); got != "["+c[0]+"]" ||
			!strings.HasSuffix(shown.Prompt, c[1]+"<|end|>") {
			t.Errorf("tokenize --chat of %q: %+v, want the ids %s", c[1], shown, c[0])
		}
	}
	same("as it stands", ask("--prompt", "The<|end|>"), ask("--ids", ids(`"The"`)+","+end))
	const two = `{"chat_template": [{"name": "a", "template": "fast {{ messages[0].content }}<|end|>"},
		{"name": "b", "template": "slow {{ messages[0].content }}"}]}`
	write(t, config, two)
	same("by name", ask("--prompt", "The ferry", "--chat", "--template", "a"), ask("--ids", fast))
	spell(t, "", "generate", "--model", f.dir, "--prompt", "The", "--chat").fails(t, f.dir, "a or b", "--template")
	spell(t, "", "generate", "--model", f.dir, "--prompt", "The", "--template", "a").fails(t, "--chat")
	spell(t, `"x"`, "tokenize", "--model", f.dir, "--chat").fails(t, f.dir, "a or b", "--template")
	spell(t, `"x"`, "tokenize", "--model", f.dir, "--chat", "--template", "c").fails(t, f.dir, `"c"`, "a or b")
	spell(t, `"x"`, "tokenize", "--model", f.dir, "--template", "a").fails(t, "--chat")
	ids(`"The"`) // needs no choice
	write(t, config, `{"chat_template": "{% bogus %}"}`)
	ids(`"The"`)
	spell(t, "", "generate", "--model", f.dir, "--prompt", "The", "--chat").fails(t, config, "bogus", "line 1")
	write(t, config, `{"chat_templ`)
	spell(t, "", "generate", "--model", f.dir, "--prompt", "The").fails(t, config)
}

// TestTokenize goes from text to ids and back.
func TestTokenize(t *testing.T) {
	f := newFixture(t)
	texts := []string{"The ferry to Norrhaven", "", "tab\tnew line\nünïcode 東京 \u0000", "<|end|>"}
	var in strings.Builder
	for _, s := range texts {
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&in, "%s\n", line)
	}
	ids := succeed(t, in.String(), "tokenize", "--tokenizer", f.tokenizer)
	decoded := succeed(t, ids, "tokenize", "--model", f.dir, "--decode")
	var back []string
	for _, line := range strings.Split(strings.TrimSpace(decoded), "\n") {
		back = append(back, decode[string](t, line))
	}
	if !slices.Equal(back, texts) {
		t.Errorf("%q came back as %q", texts, back)
	}
}
