package task

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MultipleChoice asks for one of four options. The questioner is told which letter must be right,
// since a model left to itself favours some. A question and its reference answer, as a questioner
// writes them:
//
//	```json
//	{"question": "Who runs the town where the engineer lives?",
//	 "options": {"A": "Kestor", "B": "Tolan", "C": "Fenwick", "D": "Mordell"}, "answer": "B"}
//	```
//
// and a responder's reply, which the rule finds right:
//
//	She lives in Norvale, whose mayor is Tolan. The correct answer is (B).
//
// The rule compares letters.
const MultipleChoice Task = 2

func init() {
	register(MultipleChoice, spec{
		name:            "multiple_choice",
		responder:       "responder",
		letter:          true,
		fromJSON:        choiceFromJSON,
		fromWords:       choiceFromWords,
		answer:          choiceAnswer,
		answerFromWords: lastLetter,
		match: func(_ Rules, prediction, reference string) bool {
			return isLetter(prediction) && prediction == reference
		},
	})
}

// choiceFromJSON reads the letter and exactly the options A–D, which are strings or numbers, no two of them equal. The
// answer may name the option's letter in any dress, or repeat its text.
func choiceFromJSON(f fields, q *Question) (ok bool) {
	var options fields
	if json.Unmarshal(f.get("options"), &options) != nil || len(options) != len(Letters) {
		return false
	}
	dressed := fields{}
	for name, raw := range options {
		dressed[strings.ToUpper(peel(strings.TrimRight(peel(name), ".):")))] = raw
	}
	for _, letter := range Letters {
		option, ok := dressed.textOrNumber(string(letter))
		if option = strings.TrimSpace(option); !ok || isPlaceholder(option) {
			return false
		}
		q.Options = append(q.Options, option)
	}
	q.Options = withoutLetters(q.Options)
	answer, ok := f.textOrNumber("answer")
	if !ok {
		return false
	}
	q.Answer, ok = choiceReference(answer, q.Options)
	return ok && different(q.Options)
}

// withoutLetters returns options without their letters in front, if all four have them.
func withoutLetters(options []string) []string {
	bare := make([]string, len(options))
	for i, o := range options {
		rest, ok := strings.CutPrefix(strings.TrimLeft(o, "( "), Letters[i:i+1])
		bare[i] = strings.TrimLeft(rest, ").: ")
		if !ok || bare[i] == rest || bare[i] == "" {
			return options
		}
	}
	return bare
}

// different reports whether no two options are equal but for case and spaces.
func different(options []string) bool {
	seen := map[string]bool{}
	for _, o := range options {
		seen[strings.ToLower(strings.Join(strings.Fields(o), " "))] = true
	}
	return len(seen) == len(options)
}

// choiceReference returns the letter that a questioner's answer names: by itself, in a sentence or by the text of
// the one option.
func choiceReference(answer string, options []string) (string, bool) {
	if letter := strings.ToUpper(peel(answer)); isLetter(letter) {
		return letter, true
	}
	for i, o := range options {
		if strings.EqualFold(peel(answer), peel(o)) {
			return Letters[i : i+1], true
		}
	}
	if states(answer) {
		return choiceAnswer(answer)
	}
	letter, _ := leadingLetter(answer)
	return letter, letter != ""
}

// choiceFromWords reads "( A ) w ( B ) x ( C ) y ( D ) z answer : ( B ) .". No two options are equal.
func choiceFromWords(c *cursor, q *Question) {
	c.expect("(", "A", ")")
	for _, next := range Letters[1:] {
		q.Options = append(q.Options, c.until("(", string(next), ")"))
	}
	q.Options = append(q.Options, c.until("answer", ":"))
	c.expect("(")
	q.Answer = c.until(")")
	c.expect(".")
	c.failed = c.failed || !isLetter(q.Answer) || !different(q.Options)
}

// choiceAnswer returns the letter that a reply closes with.
func choiceAnswer(text string) (string, bool) {
	return closingAnswer(text, false, func(s statement) (letter string, ambiguous bool) {
		if s.inside != "" {
			return leadingLetter(s.inside)
		}
		line := firstLine(s.tail)
		if letter, ambiguous = leadingLetter(line); letter != "" || ambiguous {
			return letter, ambiguous
		}
		if named := namedOption.FindAllStringSubmatch(line, 2); len(named) == 1 {
			return named[0][1], false
		}
		return "", false
	})
}

var (
	// beforeLetter matches what may stand before the letter of an answer.
	beforeLetter = regexp.MustCompile("^(?:(?i:the|option|choice|letter|answer)\\b|" +
		"[\\s:：(（\\[{<\"“‘'`*_$]|\\\\[(\\[]|" +
		`\\(?:boxed|text|textbf|mathrm|mathbf){)+`)
	// twoLetters matches an answer that names two options.
	twoLetters = regexp.MustCompile(`^[A-D][^\pL\pN]+(?:and|or)[^\pL\pN]+(?i:option )?[(（]?[A-D]\b|` +
		`^[A-D] ?[/&] ?[A-D]\b`)
	// articleA matches an A that is an article: one before a word, which gives no reason.
	articleA = regexp.MustCompile(`^A +[\pL\pN]`)
	reasonA  = regexp.MustCompile(`^A +(?:because|since|as|for|given|based|due)\b`)
	// namedOption matches an option that a sentence names.
	namedOption = regexp.MustCompile(`(?i:\boption) ?[(（]?([A-D])\b`)
)

// leadingLetter reads an upper-case A–D that begins s, after marks and words such as "option", and is a word of
// its own. An answer that names two is ambiguous.
func leadingLetter(s string) (letter string, ambiguous bool) {
	s = widthOf(strings.Trim(s, blank))
	s = s[len(beforeLetter.FindString(s)):]
	if s == "" || !isLetter(s[:1]) || articleA.MatchString(s) && !reasonA.MatchString(s) {
		return "", false
	}
	if next, _ := utf8.DecodeRuneInString(s[1:]); len(s) > 1 &&
		(unicode.IsLetter(next) || unicode.IsDigit(next) || strings.ContainsRune("'’", next) && !quoted(s)) ||
		strings.HasPrefix(s[1:], "_") && len(s) > 2 && s[2] != ' ' {
		return "", false
	}
	if twoLetters.MatchString(s) {
		return "", true
	}
	return s[:1], false
}

// quoted reports whether the mark behind the letter that begins s is a quote that closes and no apostrophe.
func quoted(s string) bool {
	next, size := utf8.DecodeRuneInString(s[1:])
	after, _ := utf8.DecodeRuneInString(s[1+size:])
	return next != 0 && !unicode.IsLetter(after)
}

// widthOf writes full-width letters and marks as those of ASCII.
func widthOf(s string) string {
	return strings.Map(func(r rune) rune {
		if '！' <= r && r <= '～' {
			return r - '！' + '!'
		}
		return r
	}, s)
}

// lastLetter returns the letter of the last ( X ).
func lastLetter(words []string) (string, bool) {
	for i := len(words) - 3; i >= 0; i-- {
		if words[i] == "(" && isLetter(words[i+1]) && words[i+2] == ")" {
			return words[i+1], true
		}
	}
	return "", false
}
