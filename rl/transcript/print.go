package transcript

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"spell/rl/plural"
	"spell/rl/spell"
)

// Print writes a question for people: what was asked, what came of it, and every answer with its votes and its
// reward. Of prompts and of outputs it writes at most so many characters each, their middle left out; 0 leaves
// prompts out and outputs whole but for answers without documents, if there are several.
func (q *Question) Print(w io.Writer, most int) error {
	p := printer{w: w, most: most}
	if q.Ask == nil {
		p.line("step %d, question %d", q.Step, q.Number)
	} else {
		p.question(q.Ask, q.Purpose())
	}
	if q.Ground != nil {
		p.line("")
		p.line("WITHOUT DOCUMENTS")
		p.blind(q.Ground.Samples)
	}
	if q.Respond != nil {
		p.line("")
		p.line("ANSWERS   %s", q.Share())
		p.prompt(q.Respond.Prompt)
		for i := range q.Respond.Samples {
			p.answer(i+1, &q.Respond.Samples[i])
		}
	}
	for _, v := range q.Verify {
		p.line("")
		p.line("VOTES on %q, %s by the rule", v.Prediction, Verdict(v.Rule))
		for i := range v.Samples {
			o := &v.Samples[i]
			p.line("  %s%s", o.Vote, Marks(*o))
			p.text(o.Text)
		}
	}
	p.line("")
	return p.err
}

// A printer remembers its first error.
type printer struct {
	w    io.Writer
	most int
	err  error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// text writes an output, indented.
func (p *printer) text(s string) { p.indented(s, p.most) }

// prompt writes a prompt, if prompts are wanted.
func (p *printer) prompt(s string) {
	if p.most > 0 {
		p.indented(s, p.most)
	}
}

func (p *printer) indented(s string, most int) {
	for line := range strings.Lines(shorten(strings.TrimSpace(s), most)) {
		p.line("    | %s", printable(strings.TrimRight(line, "\n")))
	}
}

// shorten leaves the middle of a text out that has more than most characters, if most is above 0.
func shorten(s string, most int) string {
	n := utf8.RuneCountInString(s)
	if most <= 0 || n <= most {
		return s
	}
	r := []rune(s)
	head := (most + 1) / 2
	return fmt.Sprintf("%s\n… %s …\n%s", string(r[:head]), plural.Of(n-most, "character"), string(r[n-most+head:]))
}

// printable writes what would move a terminal's cursor, or worse, as a picture of it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' && r != '\t':
			return '␀' + r
		case r == 0x7f:
			return '␡'
		case r >= 0x80 && r < 0xa0, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return utf8.RuneError
		}
		return r
	}, s)
}

// question writes the questioner's part.
func (p *printer) question(r *spell.Record, purpose string) {
	if purpose != "" {
		purpose = "   " + purpose
	}
	p.line("step %d, question %d   %s   %s%s   cluster %s, documents %s", r.Step, r.Question, r.Task, r.Outcome,
		purpose, printable(r.Cluster), list(r.Docs))
	p.prompt(r.Prompt)
	p.line("")
	if r.Text == "" {
		p.line("QUESTION   could not be read")
		p.sample(&r.Samples[0])
		return
	}
	marks := "" // of one that the questioner did not write
	if len(r.Samples) > 0 {
		marks = Marks(r.Samples[0])
	}
	p.line("QUESTION%s", marks)
	p.text(r.Text)
	p.line("REFERENCE")
	p.text(r.Answer)
}

func list(docs []int) string {
	var s []string
	for _, d := range docs {
		s = append(s, fmt.Sprint(d))
	}
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, " ")
}

// answer writes one of the responder's.
func (p *printer) answer(n int, o *spell.Output) {
	said := "no answer that could be read"
	if o.Prediction != "" {
		said = fmt.Sprintf("%q", o.Prediction)
	}
	votes := ""
	if o.Votes != nil {
		votes = fmt.Sprintf(", votes %d yes %d no %d invalid", o.Votes.Yes, o.Votes.No, o.Votes.Invalid)
	}
	p.line("  %d. %s: %s by the rule%s%s", n, said, Verdict(o.Rule), votes, Marks(*o))
	p.text(o.Text)
}

// blindMost is how many characters of one of several answers without documents are printed if all of others are.
const blindMost = 400

// blind writes answers without documents, each text once.
func (p *printer) blind(answers []spell.Output) {
	if len(answers) == 1 {
		p.sample(&answers[0])
		return
	}
	most := p.most
	if most == 0 {
		most = blindMost
	}
	first := map[string]int{}
	for i := range answers {
		o := &answers[i]
		if n, again := first[o.Text]; again {
			p.line("  %d. as %d.%s", i+1, n, Marks(*o))
			continue
		}
		first[o.Text] = i + 1
		p.line("  %d. an output%s", i+1, Marks(*o))
		p.indented(o.Text, most)
	}
}

func (p *printer) sample(o *spell.Output) {
	p.line("  an output%s", Marks(*o))
	p.text(o.Text)
}

// Verdict returns right or wrong, or that nobody judged.
func Verdict(rule *bool) string {
	switch {
	case rule == nil:
		return "not judged"
	case *rule:
		return "right"
	}
	return "wrong"
}

// Marks says of an output what it earned and whether it trained, each after a comma.
func Marks(o spell.Output) string {
	s := ""
	if o.Reward != nil {
		s += fmt.Sprintf(", reward %.3g", *o.Reward)
	}
	if o.Trained {
		s += fmt.Sprintf(", trained with advantage %+.2f", o.Advantage)
	}
	return fmt.Sprintf("%s, %s, %s", s, plural.Of(o.Tokens, "token"), o.Finish)
}
