package tokenizer

import (
	"sort"
	"strings"
)

// A normalStep is one step of a file's normalizer. One that has neither form C nor text to replace
// puts its text in front.
type normalStep struct {
	nfc      bool
	old, new string
}

func (s normalStep) prepends() bool { return !s.nfc && s.old == "" }

// apply returns text after the step. opens says whether text may get something in front.
func (s normalStep) apply(text string, opens bool) string {
	switch {
	case s.nfc:
		return composed(text)
	case !s.prepends():
		return strings.ReplaceAll(text, s.old, s.new)
	case opens && text != "":
		return s.new + text
	}
	return text
}

// normalize returns text as the model is to see it, without copying where nothing changes. opens
// is false for text that goes on from another.
func (t *Tokenizer) normalize(text string, opens bool) string {
	for _, s := range t.normalizers {
		text = s.apply(text, opens)
	}
	return text
}

// A layer tells how one step of preparation changed a text: its edits, in order.
type layer []edit

// An edit says that new[at:at+n] stands for old[from:from+m].
type edit struct{ at, n, from, m int }

// layers returns what each step of normalize changes.
func (t *Tokenizer) layers(text string, opens bool) (all []layer) {
	for _, s := range t.normalizers {
		after := s.apply(text, opens)
		if after == text {
			continue
		}
		switch {
		case s.nfc:
			all = append(all, align(text))
		case s.prepends():
			all = append(all, layer{{n: len(s.new)}})
		default:
			all = append(all, replaced(text, s.old, s.new))
		}
		text = after
	}
	return all
}

// replaced returns the edits of strings.ReplaceAll.
func replaced(text, old, new string) (edits layer) {
	for at, from := 0, 0; ; {
		i := strings.Index(text[from:], old)
		if i < 0 {
			return edits
		}
		at, from = at+i, from+i
		edits = append(edits, edit{at, len(new), from, len(old)})
		at, from = at+len(new), from+len(old)
	}
}

// carry returns the ranges of the normalized text that come from ranges of text, which begins at
// base of the text that they count from.
func (t *Tokenizer) carry(ranges []Span, text string, base int, opens bool) (carried []Span) {
	var layers []layer
	for _, s := range ranges {
		s = Span{s.Start - base, s.End - base}
		if s.Start < 0 || s.End > len(text) {
			continue
		}
		if carried == nil {
			layers = t.layers(text, opens)
		}
		for _, l := range layers {
			s = l.forward(s)
		}
		carried = append(carried, s)
	}
	return carried
}

// forward returns the range of the new text that a range of the old one, not empty, takes part in.
func (l layer) forward(s Span) Span {
	start, _ := l.image(s.Start)
	_, end := l.image(s.End - 1)
	return Span{start, end}
}

// image returns the range of the new text that a byte of the old one takes part in.
func (l layer) image(p int) (from, to int) {
	after := sort.Search(len(l), func(i int) bool { return l[i].from > p })
	if after == 0 {
		return p, p + 1
	}
	e := l[after-1]
	if p < e.from+e.m {
		return e.at, e.at + e.n
	}
	shift := e.at + e.n - e.from - e.m
	return p + shift, p + 1 + shift
}
