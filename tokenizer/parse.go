package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"spell/tensor/jsonfile"
	"spell/tensor/signature"
)

// Load reads a tokenizer.json. The error of a file it cannot use is one sentence that
// names the file and what to mend.
func Load(path string) (*Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		if link := signature.Link(path); link != nil {
			return nil, fmt.Errorf("reading %s: %w", path, link)
		}
		return nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	return Parse(data, path)
}

// Parse is Load for the contents of a file; name stands for it in errors. Memory and time
// are proportional to len(data) whatever it holds.
//
// The sections truncation and padding are legal and without effect: Encode neither cuts text
// nor adds tokens. Those that post_processor adds are told by Begin and End.
func Parse(data []byte, name string) (*Tokenizer, error) {
	data = jsonfile.Standard(data)
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	t.source = data
	return t, nil
}

// document is the outline of a tokenizer.json. The large sections stay raw until the small
// ones have passed.
type document struct {
	AddedTokens   []AddedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         *bpeModel       `json:"model"`
}

// bpeModel is the section model.
type bpeModel struct {
	Type                    string          `json:"type"`
	Dropout                 float64         `json:"dropout"`
	UnkToken                *string         `json:"unk_token"`
	ContinuingSubwordPrefix string          `json:"continuing_subword_prefix"`
	EndOfWordSuffix         string          `json:"end_of_word_suffix"`
	FuseUnk                 bool            `json:"fuse_unk"`
	ByteFallback            bool            `json:"byte_fallback"`
	IgnoreMerges            bool            `json:"ignore_merges"`
	Vocab                   json.RawMessage `json:"vocab"`
	Merges                  json.RawMessage `json:"merges"`
}

func parse(data []byte) (*Tokenizer, error) {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, cmp.Or(signature.Check(data), jsonError(err))
	}
	if err := doc.checkModel(); err != nil {
		return nil, err
	}
	t := &Tokenizer{
		ignoreMerges: doc.Model.IgnoreMerges,
		parts:        components{doc.Normalizer, doc.PreTokenizer, doc.PostProcessor, doc.Decoder},
	}
	if err := t.readComponents(doc.Model); err != nil {
		return nil, err
	}
	if err := t.readVocab(doc.Model, doc.AddedTokens); err != nil {
		return nil, err
	}
	if err := t.readPostProcessor(); err != nil {
		return nil, err
	}
	if err := t.readMerges(doc.Model.Merges); err != nil {
		return nil, err
	}
	t.index()
	return t, nil
}

// jsonError says what is wrong with a file that encoding/json does not take.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf(
			"not JSON at byte %d (%w): the file is damaged or not a tokenizer.json, copy it again",
			syntax.Offset, err)
	case errors.As(err, &kind):
		return fmt.Errorf(
			"field %.80q holds a %s at byte %d, which a tokenizer.json does not: correct the field",
			kind.Field, kind.Value, kind.Offset)
	}
	return err
}

func (doc *document) checkModel() error {
	m := doc.Model
	switch {
	case m == nil:
		return errors.New(
			"section model is missing: give the tokenizer.json of the model, not its tokenizer_config.json")
	case m.Type != "BPE" && m.Type != "": // files of 2020 name no type
		return fmt.Errorf("model type %.80q is not supported: give a tokenizer of type BPE", m.Type)
	case m.Vocab == nil || m.Merges == nil:
		return errors.New("model.vocab or model.merges is missing: a BPE model has both")
	case m.Dropout != 0:
		return fmt.Errorf("model.dropout is %v, which makes encoding random: set it to null", m.Dropout)
	case m.ContinuingSubwordPrefix != "" || m.EndOfWordSuffix != "":
		return errors.New(
			"model.continuing_subword_prefix or end_of_word_suffix is set, which is not supported: " +
				"give a tokenizer of byte-level BPE or of SentencePiece's kind")
	}
	return nil
}
