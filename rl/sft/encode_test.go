package sft

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spell/rl/runner/runnertest"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

const (
	start, end, other = "<|im_start|>", "<|im_end|>", "<|endoftext|>"

	chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
		"{% if add_generation_prompt %}<|im_start|>assistant\n" +
		"{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}"
	// forgetful shows earlier replies without their thoughts.
	forgetful = "{% for m in messages %}<|im_start|>{{ m.role }}\n" +
		"{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}" +
		"{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

var testTokenizer = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	text := "system user assistant\n who runs the mill ? the baker of the town runs it . which one is it ? " +
		"that one . yes no red green blue\n"
	return tokenizer.Train(slices.Values([]string{strings.Repeat(text, 10)}), tokenizer.TrainOptions{
		VocabSize: 330, Special: []string{start, end, other, "<think>", "</think>"}, Pattern: tokenizer.Qwen2})
})

// dialog is the text side of a model's folder with a template, or without one.
func dialog(t testing.TB, template string) *chat.Dialog {
	t.Helper()
	tok, err := testTokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return runnertest.Dialog(t, tok, template)
}

// id is the token of a name.
func id(t testing.TB, d *chat.Dialog, name string) int32 {
	t.Helper()
	v, ok := d.Tok.Special(name)
	if !ok {
		t.Fatalf("no token %s", name)
	}
	return v
}

// show writes paths as text, special tokens in brackets and replies in braces.
func show(d *chat.Dialog, paths []path) []string {
	var all []string
	for _, p := range paths {
		var b strings.Builder
		for _, x := range p {
			if x.reply {
				b.WriteString("{")
			}
			for _, id := range x.ids {
				text := string(d.Tok.TokenBytes(id))
				if special, ok := d.Tok.Special(text); ok && special == id {
					text = "[" + text + "]"
				}
				b.WriteString(text)
			}
			if x.reply {
				b.WriteString("}")
			}
		}
		all = append(all, b.String())
	}
	return all
}

// TestPaths: the replies are scored with the end behind them, and nothing else is; each stands
// behind what the model is given when it is asked to reply there.
func TestPaths(t *testing.T) {
	const (
		pair  = `{"prompt": "who<|im_end|> ?", "answer": " the baker<|im_end|> ."}`
		turns = `{"messages": [{"role": "system", "content": "red"}, {"role": "user", "content": "who ?"}, ` +
			`{"role": "assistant", "content": "<think>yes</think>baker ."}, ` +
			`{"role": "user", "content": "which<think> ?"}, ` +
			`{"role": "assistant", "content": "that one ."}, {"role": "user", "content": "no"}]}`
		system = "[<|im_start|>]system\nred[<|im_end|>]\n[<|im_start|>]user\nwho ?[<|im_end|>]\n" +
			"[<|im_start|>]assistant\n"
		first  = "{[<think>]yes[</think>]baker .[<|im_end|>]}"
		second = "\n[<|im_start|>]user\nwhich<think> ?[<|im_end|>]\n[<|im_start|>]assistant\n{that one .[<|im_end|>]}"
	)
	for _, c := range []struct {
		name, template, line string
		change               func(*Config)
		want                 []string
	}{
		{"plain", "", pair, nil, []string{"who<|im_end|> ?{ the baker<|im_end|> .[<|endoftext|>]}"}},
		{"no prompt", "", `{"prompt": "", "answer": "the baker"}`, nil, []string{"{the baker[<|endoftext|>]}"}},
		{"a user's turn", chatml, pair, nil, []string{"[<|im_start|>]user\nwho<|im_end|> ?[<|im_end|>]\n[<|im_start|>]assistant\n{ the baker<|im_end|> .[<|im_end|>]}"}},
		{"no thoughts", chatml, `{"prompt": "who", "answer": "she"}`, func(c *Config) { c.Thinking = false },
			[]string{"[<|im_start|>]user\nwho[<|im_end|>]\n[<|im_start|>]assistant\n" +
				"[<think>][</think>]{she[<|im_end|>]}"}},
		{"a conversation", chatml, turns, nil, []string{system + first + second}},
		{"no marks", chatml, turns, func(c *Config) { c.Marks = nil }, []string{system + "{<think>yes</think>baker .[<|im_end|>]}" + second}},
		{"thoughts are forgotten", forgetful, turns, nil, []string{system + first, system + "baker .[<|im_end|>]" + second}},
		{"a reply that is read", chatml, `{"prompt": [{"role": "user", "content": "who ?"}, ` +
			`{"role": "assistant", "content": "she"}, {"role": "user", "content": "no"}], "completion": "yes"}`, nil,
			[]string{"[<|im_start|>]user\nwho ?[<|im_end|>]\n[<|im_start|>]assistant\nshe[<|im_end|>]\n" +
				"[<|im_start|>]user\nno[<|im_end|>]\n[<|im_start|>]assistant\n{yes[<|im_end|>]}"}},
		{"an end that generation does not know", strings.ReplaceAll(chatml, end, "."), `{"prompt": "who", "answer": "she"}`, nil,
			[]string{"[<|im_start|>]user\nwho.\n[<|im_start|>]assistant\n{she[<|endoftext|>]}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, config := dialog(t, c.template), Default()
			if c.change != nil {
				c.change(&config)
			}
			e, err := newEncoder(config, d, []int32{id(t, d, other), id(t, d, end)})
			if err != nil {
				t.Fatal(err)
			}
			paths, err := e.paths(file(t, c.line).Lines[0])
			if err != nil {
				t.Fatal(err)
			}
			if got := show(d, paths); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestPathsOfModels: with the templates of real models a pair is a user's turn and the reply to it,
// and a message form of the same is the same.
func TestPathsOfModels(t *testing.T) {
	data := filepath.Join("..", "..", "..", "shared", "data", "tokenizers")
	if at := os.Getenv("SPELL_DATA"); at != "" {
		data = filepath.Join(at, "tokenizers")
	}
	if _, err := os.Stat(data); err != nil {
		t.Skip("the shared test data is not here: set SPELL_DATA to its folder")
	}
	for name, ends := range map[string][]string{"qwen3": {"<|endoftext|>", "<|im_end|>"},
		"llama3_1": {"<|end_of_text|>", "<|eot_id|>"}} {
		d, err := chat.Open(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		e, err := newEncoder(Default(), d, []int32{id(t, d, ends[0]), id(t, d, ends[1])})
		if err != nil {
			t.Fatal(err)
		}
		f := file(t, `{"prompt": "Who?", "answer": "She <|eot_id|><|im_end|>."}`,
			`{"messages": [{"role": "user", "content": "Who?"}, `+
				`{"role": "assistant", "content": "She <|eot_id|><|im_end|>."}]}`)
		text, err := d.Template.Render(chat.Context{Messages: []chat.Message{{Role: "user", Content: "Who?"}},
			AddGenerationPrompt: true, Now: time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range f.Lines {
			paths, err := e.paths(l)
			if err != nil {
				t.Fatal(err)
			}
			if len(paths) != 1 || len(paths[0]) != 2 {
				t.Fatalf("%s: %d paths, %v", name, len(paths), paths)
			}
			if p := paths[0]; !slices.Equal(p[0].ids, d.Tok.EncodeSpecial(text)) ||
				!slices.Equal(p[1].ids, append(d.Tok.Encode("She <|eot_id|><|im_end|>."), id(t, d, ends[1]))) {
				t.Errorf("%s: %q", name, show(d, paths))
			}
		}
	}
}

// sentencePiece is a tokenizer that puts a space in front of a text and behind its special tokens.
func sentencePiece(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	l := tokenizer.Lists{Tokens: []string{"<unk>", start, end}, Prefix: true,
		Types: []tokenizer.TokenType{tokenizer.UnknownToken, tokenizer.ControlToken, tokenizer.ControlToken}}
	for i := range 256 {
		l.Tokens, l.Types = append(l.Tokens, fmt.Sprintf("<0x%02X>", i)), append(l.Types, tokenizer.ByteToken)
	}
	for _, s := range []string{"▁", "A", "H", "i", "▁A", "▁H", "Hi", "▁Hi"} {
		l.Tokens, l.Types = append(l.Tokens, s), append(l.Types, tokenizer.NormalToken)
	}
	l.Scores = make([]float32, len(l.Tokens))
	tok, err := tokenizer.NewSentencePiece(l)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestJoined: a reply has the ids that it has behind its prompt, in the template as in plain text,
// whether or not the tokenizer puts a space in front of a text of its own.
func TestJoined(t *testing.T) {
	const said = "{% for m in messages %}{% if m.role == 'user' %}A{{ m.content }}"
	for _, c := range []struct {
		name, template, line string
		want                 string // the reply's tokens
	}{
		{"behind text", "", `{"prompt": "A", "answer": "Hi"}`, "Hi"},
		{"with a space of its own", "", `{"prompt": "A", "answer": " Hi"}`, "▁Hi"},
		{"nothing before it", "", `{"prompt": "", "answer": "Hi"}`, "▁Hi"},
		{"behind a template's text", said + "A{% else %}{{ m.content }}" + end + "{% endif %}{% endfor %}",
			`{"prompt": "A", "answer": "Hi"}`, "Hi"},
		{"behind a template's space", said + "A{% else %} {{ m.content }}" + end + "{% endif %}{% endfor %}",
			`{"prompt": "A", "answer": "Hi"}`, "▁Hi"},
		{"behind a special token", said + start + "{% else %}{{ m.content }}" + end + "{% endif %}{% endfor %}",
			`{"prompt": "A", "answer": "Hi"}`, "▁Hi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := runnertest.Dialog(t, sentencePiece(t), c.template)
			e, err := newEncoder(Default(), d, []int32{id(t, d, end)})
			if err != nil {
				t.Fatal(err)
			}
			l := file(t, c.line).Lines[0]
			paths, err := e.paths(l)
			if err != nil || len(paths) != 1 || len(paths[0]) != 2 {
				t.Fatalf("%v, %v", paths, err)
			}
			want, ok := d.Tok.TokenID(c.want)
			if got := paths[0][1].ids; !ok || !slices.Equal(got, []int32{want, e.end}) {
				t.Errorf("the reply is %v, want %d and the end", got, want)
			}
			if c.template == "" {
				return
			}
			text, err := d.Template.Render(chat.Context{Messages: l.Turns})
			if err != nil {
				t.Fatal(err)
			}
			if all := slices.Concat(paths[0][0].ids, paths[0][1].ids); !slices.Equal(all, d.Tok.EncodeSpecial(text)) {
				t.Errorf("the path is %v, and the template makes it %v", all, d.Tok.EncodeSpecial(text))
			}
		})
	}
}

func TestEncodeErrors(t *testing.T) {
	d := dialog(t, "")
	if _, err := newEncoder(Default(), d, nil); err == nil || !strings.Contains(err.Error(), "eos_token_id") {
		t.Errorf("a model without an end gives %v", err)
	}
	const turns = `{"messages": [{"role": "system", "content": "s"}, ` +
		`{"role": "user", "content": "who"}, {"role": "assistant", "content": "she"}]}`
	e, err := newEncoder(Default(), d, []int32{id(t, d, end)})
	if err != nil {
		t.Fatal(err)
	}
	const said = `[{"role": "user", "content": "who"}]`
	const reply = `[{"role": "assistant", "content": "she"}]`
	for line, needs := range map[string]string{
		turns: "the list messages",
		`{"conversations": [{"from": "human", "value": "who"}, {"from": "gpt", "value": "she"}]}`: "the list conversations",
		`{"prompt": "who", "answer": "she", "system": "s"}`:                                       "the field system",
		`{"prompt": ` + said + `, "completion": "she"}`:                                           "a list of messages as its prompt",
		`{"prompt": "who", "answer": ` + reply + `}`:                                              "a list of messages as its answer",
		`{"instruction": "who", "output": "she", "history": [["a", "b"]]}`:                        "the field history",
		`{"instruction": "who", "output": "she", "history": [], "system": ""}`:                    "",
		`{"instruction": "who", "input": "is it", "output": "she"}`:                               "",
		`{"question": "who", "answer": "she", "history": [["a", "b"]]}`:                           "",
	} {
		_, err := e.paths(file(t, line).Lines[0])
		if needs == "" && err != nil || needs != "" && (err == nil ||
			!strings.Contains(err.Error(), "the line has "+needs+", which needs a chat template")) {
			t.Errorf("%s: error %v", line, err)
		}
	}
	for template, say := range map[string]string{"": "chat template",
		"{{ raise_exception('no system') }}": "no system",
		"{{ messages[1].content }}":          "leaves out message 1, what the system says",
		"{{ messages[0].content }}":          "message 2, what the user says"} {
		d := dialog(t, template)
		e, err := newEncoder(Default(), d, []int32{id(t, d, end)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.paths(file(t, turns).Lines[0]); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: error %v, want %q", template, err, say)
		}
	}
}

func TestCut(t *testing.T) {
	p := path{{ids: []int32{1, 2}}, {[]int32{3, 4}, true}, {ids: []int32{5}}, {[]int32{6, 7}, true}}
	for n, want := range map[int]int{0: 0, 2: 0, 3: 3, 4: 4, 5: 4, 6: 6, 7: 7, 9: 7} {
		c := p.cut(n)
		if c.tokens() != want || len(c) > 0 && !c[len(c)-1].reply {
			t.Errorf("cut at %d: %v", n, c)
		}
	}
	if p.tokens() != 7 {
		t.Error("cutting changed the path")
	}
}
