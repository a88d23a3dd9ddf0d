package tokenizer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"spell/tensor/fixture"
)

// listsOf returns a tokenizer.json as GGUF has it.
func listsOf(tb testing.TB, data []byte) (l Lists) {
	tb.Helper()
	var file struct {
		AddedTokens []AddedToken `json:"added_tokens"`
		Model       struct {
			UnkToken *string `json:"unk_token"`
			Vocab    map[string]int32
			Merges   json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(file.Model.Merges, &l.Merges); err != nil {
		l.Merges = nil
		var pairs [][2]string
		if err := json.Unmarshal(file.Model.Merges, &pairs); err != nil {
			tb.Fatal(err)
		}
		for _, p := range pairs {
			l.Merges = append(l.Merges, p[0]+" "+p[1])
		}
	}
	size := 0
	for _, id := range file.Model.Vocab {
		size = max(size, int(id)+1)
	}
	for _, a := range file.AddedTokens {
		size = max(size, int(a.ID)+1)
	}
	l.Tokens, l.Types = make([]string, size+2), slices.Repeat([]TokenType{UnusedToken}, size+2)
	put := func(id int32, token string, kind TokenType) { l.Tokens[id], l.Types[id] = token, kind }
	for token, id := range file.Model.Vocab {
		put(id, token, NormalToken)
		if len(token) == 6 && strings.HasPrefix(token, "<0x") {
			l.Types[id] = ByteToken
		}
	}
	for _, a := range file.AddedTokens {
		kind := UserToken
		if a.Special {
			kind = ControlToken
		}
		put(a.ID, a.Content, kind)
	}
	if unk := file.Model.UnkToken; unk != nil {
		put(file.Model.Vocab[*unk], *unk, UnknownToken)
	}
	return l
}

// TestNewByteLevel builds the published tokenizers from their lists and compares the ids of texts,
// also after writing the file.
func TestNewByteLevel(t *testing.T) {
	for family, pre := range map[string]string{"gpt2": "gpt-2", "llama3_1": "llama-bpe", "qwen3": "qwen2"} {
		t.Run(family, func(t *testing.T) {
			want := published(t, family)
			l := listsOf(t, fixture.Read(t, "tokenizers/"+family+"/tokenizer.json"))
			l.Pre, l.Begin = pre, want.Begin()
			tok, err := NewByteLevel(l)
			if err != nil {
				t.Fatal(err)
			}
			sameIDs(t, tok, want, goldenTexts(t))
		})
	}
}

// sameIDs: two tokenizers, and what the first writes, agree on texts with and without added tokens.
func sameIDs(t *testing.T, tok, want *Tokenizer, texts []string) {
	t.Helper()
	data, err := tok.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	written, err := Parse(data, "written")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, a := range want.AddedTokens() {
		all.WriteString(a.Content + "x")
	}
	for _, text := range append(texts, all.String(), "x<|im_end|><s>y") {
		for what, got := range map[string]*Tokenizer{"built": tok, "written": written} {
			if a, b := got.EncodeSpecial(text), want.EncodeSpecial(text); !slices.Equal(a, b) {
				t.Errorf("%s: %.60q\n got %v\nwant %v", what, text, a, b)
			}
			ids := want.Encode(text)
			if a := got.Encode(text); !slices.Equal(a, ids) {
				t.Errorf("%s: as a document %.60q\n got %v\nwant %v", what, text, a, ids)
			}
			if got.Decode(ids) != want.Decode(ids) {
				t.Errorf("%s: %v decodes to %q, want %q", what, ids, got.Decode(ids), want.Decode(ids))
			}
		}
	}
	if !slices.Equal(written.Begin(), want.Begin()) || !slices.Equal(tok.Begin(), want.Begin()) {
		t.Errorf("begins with %v, written %v, want %v", tok.Begin(), written.Begin(), want.Begin())
	}
}

// spmLists returns the small tokenizer as lists with scores in the order of the merges.
func spmLists(tb testing.TB) Lists {
	tb.Helper()
	l := listsOf(tb, spm(tb).file(tb, "legacy"))
	l.Scores = make([]float32, len(l.Tokens))
	for i := range l.Scores {
		l.Scores[i] = -float32(len(l.Tokens))
	}
	for rank, m := range l.Merges {
		id := slices.Index(l.Tokens, strings.ReplaceAll(m, " ", ""))
		l.Scores[id] = max(l.Scores[id], -float32(rank))
	}
	l.Merges, l.Prefix = nil, true
	return l
}

// TestNewSentencePiece builds the small tokenizer from tokens and scores.
func TestNewSentencePiece(t *testing.T) {
	g := spm(t)
	want, err := Parse(g.file(t, "legacy"), "legacy")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := NewSentencePiece(spmLists(t))
	if err != nil {
		t.Fatal(err)
	}
	sameIDs(t, tok, want, g.Texts)

	bare := spmLists(t)
	bare.Prefix, bare.Begin, bare.End = false, []int32{1}, []int32{2, 2}
	if tok, err = NewSentencePiece(bare); err != nil {
		t.Fatal(err)
	}
	if got := tok.Decode(tok.Encode(" the")); got != " the" || !slices.Equal(tok.End(), bare.End) {
		t.Errorf("without prefix \" the\" comes back as %q, end %v", got, tok.End())
	}
	want.begin, want.end = bare.Begin, bare.End
	if data, err := tok.MarshalJSON(); err != nil || !strings.Contains(string(data), "TemplateProcessing") {
		t.Errorf("no template: %v", err)
	}
}

// TestScoreTies: of merges with one score the leftmost goes first, also among different tokens.
func TestScoreTies(t *testing.T) {
	l := spmLists(t)
	for i, token := range []string{"the", "th", "he"} {
		if at := slices.Index(l.Tokens, token); at >= 0 {
			l.Types[at] = UnusedToken
		}
		l.Tokens = append(l.Tokens, token)
		l.Types = append(l.Types, NormalToken)
		l.Scores = append(l.Scores, []float32{5, 9, 9}[i])
	}
	l.Prefix = false
	tok, err := NewSentencePiece(l)
	if err != nil {
		t.Fatal(err)
	}
	n := int32(len(l.Tokens))
	if got := tok.Encode("the"); !slices.Equal(got, []int32{n - 3}) {
		t.Errorf("the is %v, want %d: th and then the", got, n-3)
	}
	if got := tok.Encode("thhe"); !slices.Equal(got, []int32{n - 2, n - 1}) {
		t.Errorf("thhe is %v, want th and he", got)
	}
}

func TestListsErrors(t *testing.T) {
	small := listsOf(t, marshal(t, smallObject(t)))
	small.Pre = "gpt-2"
	for _, c := range []struct {
		want string
		edit func(l *Lists)
		spm  bool
	}{
		{`the pre-tokenizer "tekken" is not supported`, func(l *Lists) { l.Pre = "tekken" }, false},
		{"types for", func(l *Lists) { l.Types = l.Types[1:] }, false},
		{"has the type 9", func(l *Lists) { l.Types[3] = 9 }, false},
		{"token 3 is empty", func(l *Lists) { l.Tokens[3] = "" }, false},
		{"is not UTF-8", func(l *Lists) { l.Tokens[3] = "\xff" }, false},
		{"tokens 2 and 3 are both", func(l *Lists) { l.Tokens[3] = l.Tokens[2] }, false},
		{`merge 1 is "ab"`, func(l *Lists) { l.Merges[1] = "ab" }, false},
		{"which model.vocab lacks", func(l *Lists) { l.Merges[1] = "ab ☃" }, false},
		{"merge 1 repeats merge 0", func(l *Lists) { l.Merges[1] = l.Merges[0] }, false},
		{"id 9999, which goes before or after a text", func(l *Lists) { l.Begin = []int32{9999} }, false},
		{"which stands for byte", func(l *Lists) { l.Types[0] = UnusedToken }, false},
		{"scores for", func(l *Lists) { l.Scores = l.Scores[1:] }, true},
		{"is not a number", func(l *Lists) { l.Scores[9] = float32(math.NaN()) }, true},
		{"at most 1024", func(l *Lists) { l.Tokens[300] = strings.Repeat("a", 2000) }, true},
		{"so that this byte would be lost", func(l *Lists) { l.Types[0], l.Types[70] = UnusedToken, UnusedToken }, true},
	} {
		l, build := small, NewByteLevel
		if c.spm {
			l, build = spmLists(t), NewSentencePiece
		}
		l.Tokens, l.Types, l.Merges = slices.Clone(l.Tokens), slices.Clone(l.Types), slices.Clone(l.Merges)
		c.edit(&l)
		if _, err := build(l); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}
