package spell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Documents are a line of transcript.jsonl: those of a cluster, which stands before the first question over it in
// the whole run: prompts do not repeat them.
type Documents struct {
	Step      int      `json:"step"`
	Stage     string   `json:"stage"` // DocumentsStage
	Cluster   string   `json:"cluster"`
	Documents []string `json:"documents"`
}

// DocumentsStage is the stage of a line of Documents.
const DocumentsStage = "documents"

// Pieces are a prompt in which documents of its cluster stand as their numbers. In JSON they are a list of texts
// and numbers.
type Pieces []Piece

// A Piece is a text or, if that is empty, the document of a number.
type Piece struct {
	Text string
	Doc  int
}

// MarshalJSON writes the text or the number.
func (p Piece) MarshalJSON() ([]byte, error) {
	if p.Text == "" {
		return json.Marshal(p.Doc)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // as the transcript's other texts
	err := e.Encode(p.Text)
	return b.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Piece) UnmarshalJSON(raw []byte) error {
	*p = Piece{}
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &p.Text)
	}
	return json.Unmarshal(raw, &p.Doc)
}

// Cut returns a prompt in pieces: of the numbered documents, those that it holds in their order stand as their
// numbers.
func Cut(prompt string, documents []string, numbers []int) (all Pieces) {
	text := func(s string) {
		if s != "" {
			all = append(all, Piece{Text: s})
		}
	}
	for _, n := range numbers {
		before, after, found := strings.Cut(prompt, documents[n])
		if !found || documents[n] == "" {
			continue
		}
		text(before)
		all, prompt = append(all, Piece{Doc: n}), after
	}
	text(prompt)
	return all
}

// Join returns the prompt. Of a document that is not there it tells the number.
func (p Pieces) Join(documents []string) string {
	var s strings.Builder
	for _, piece := range p {
		switch {
		case piece.Text != "":
			s.WriteString(piece.Text)
		case piece.Doc >= 0 && piece.Doc < len(documents):
			s.WriteString(documents[piece.Doc])
		default:
			fmt.Fprintf(&s, "[document %d, which the transcript does not have]", piece.Doc)
		}
	}
	return s.String()
}

// A bitset is a set of small numbers. In JSON it is base64.
type bitset []byte

// has reports whether a number is in the set.
func (b bitset) has(n int) bool { return n/8 < len(b) && b[n/8]>>(n%8)&1 == 1 }

// with returns the set and a number; the set stays as it is.
func (b bitset) with(n int) bitset {
	more := make(bitset, max(len(b), n/8+1))
	copy(more, b)
	more[n/8] |= 1 << (n % 8)
	return more
}
