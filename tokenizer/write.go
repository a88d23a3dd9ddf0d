package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WriteFile writes the tokenizer as a tokenizer.json that Hugging Face tokenizers loads.
// The file is complete or not there at all: it is written beside path and renamed.
func (t *Tokenizer) WriteFile(path string) error {
	data, err := t.MarshalJSON()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = cmp.Or(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// MarshalJSON returns the contents of a tokenizer.json, one token and one merge a line.
// The components are kept as they were read.
func (t *Tokenizer) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	added, err := json.Marshal(append([]AddedToken{}, t.added...))
	if err != nil {
		return nil, err
	}
	b.WriteString("{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n")
	section := func(name string, value []byte) {
		if value == nil {
			value = []byte("null")
		}
		fmt.Fprintf(&b, "%q: %s,\n", name, value)
	}
	section("added_tokens", added)
	section("normalizer", t.parts.normalizer)
	section("pre_tokenizer", t.parts.preTokenizer)
	section("post_processor", t.parts.postProcessor)
	section("decoder", t.parts.decoder)
	fmt.Fprintf(&b, `"model": {
"type": "BPE",
"dropout": null,
"unk_token": null,
"continuing_subword_prefix": null,
"end_of_word_suffix": null,
"fuse_unk": false,
"byte_fallback": false,
"ignore_merges": %t,
"vocab": {`, t.ignoreMerges)

	spelled := t.spellings()
	separator := "\n"
	for id, token := range spelled {
		if token != "" {
			fmt.Fprintf(&b, "%s\"%s\":%d", separator, token, id)
			separator = ",\n"
		}
	}
	b.WriteString("\n},\n\"merges\": [")
	separator = "\n"
	for _, s := range t.merges.byRank() {
		fmt.Fprintf(&b, "%s\"%s %s\"", separator, spelled[s.left], spelled[s.right])
		separator = ",\n"
	}
	b.WriteString("\n]\n}\n}\n")
	return b.Bytes(), nil
}

// spellings returns the byte-level spelling of every id of the BPE vocabulary, "" for the
// others, as it stands inside a JSON string.
func (t *Tokenizer) spellings() []string {
	escape := strings.NewReplacer(`"`, `\"`, `\`, `\\`) // all that JSON escapes of the alphabet
	spelled := make([]string, len(t.tokens))
	for token, id := range t.vocab {
		spelled[id] = escape.Replace(string(appendSpelled(nil, token)))
	}
	return spelled
}

// byRank returns the pairs in the order of the file.
func (t *pairTable) byRank() []pairSlot {
	used := slices.DeleteFunc(slices.Clone(t.slots), func(s pairSlot) bool { return s.left < 0 })
	slices.SortFunc(used, func(a, b pairSlot) int { return cmp.Compare(a.merge.rank, b.merge.rank) })
	return used
}
