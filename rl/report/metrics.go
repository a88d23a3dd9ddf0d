package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"spell/rl/journal"
	"spell/rl/task"
)

// A quantity is a curve of a plot: where in a line of metrics its value is, as a path of keys, of which one
// that ends with "=" names the element of a list that has that name or role; and over which other it is
// taken, if it is a share. A path after less is of what the value lacks to 1.
type quantity struct{ name, at, over string }

// less begins the path of what a value lacks to 1.
const less = "1-"

// each returns a quantity of every kind of questions. before stands before the path.
func each(before, at, over string) (all []quantity) {
	for _, t := range task.All() {
		kind := "kinds/" + t.String() + "=/"
		q := quantity{name: strings.ReplaceAll(t.String(), "_", " "), at: before + kind + at}
		if over != "" {
			q.over = kind + over
		}
		all = append(all, q)
	}
	return all
}

// plots are those of self-play, in the order of the page.
var plots = []struct {
	title  string
	curves []quantity
}{
	{"Rewards", []quantity{{"questioner", "roles/questioner=/reward", ""}, {"responder", "roles/responder=/reward", ""},
		{"verifier", "roles/verifier=/reward", ""}}},
	{"Pass rates", []quantity{{"rewarded answers", "pass_rate", ""}, {"right by the rule", "rule_rate", ""}}},
	{"Difficulty: share of answers not rewarded", each(less, "pass_rate", "")},
	{"Questions, by what became of them", []quantity{{"good", "questions/good", "questions/drawn"},
		{"all right", "questions/all_right", "questions/drawn"}, {"all wrong", "questions/all_wrong", "questions/drawn"},
		{"bad format", "questions/bad_format", "questions/drawn"},
		{"ungrounded", "questions/ungrounded", "questions/drawn"}, {"skipped", "questions/skipped", "questions/drawn"},
		{"too long", "questions/too_long", "questions/drawn"}, {"repeated", "questions/repeated", "questions/drawn"}}},
	{"Good questions, by kind", each("", "good", "drawn")},
	{"Votes against the rule", append([]quantity{{"all", less + "agree", ""}}, each(less, "agree", "")...)},
	{"Entropy of an answer's votes, nats", []quantity{{"entropy", "vote_entropy", ""}}},
	{"What questioners see", []quantity{{"documents", "history/docs", ""}, {"of these new", "history/new_docs", ""},
		{"remembered questions", "history/shown", ""}}},
	{"Memory and repetition", []quantity{{"questioners with remembered questions", "history/hit_rate", ""},
		{"questions asked before", "duplicates", ""}}},
	{"Mean length, tokens", []quantity{{"questioner", "roles/questioner=/length", ""},
		{"responder", "roles/responder=/length", ""}, {"verifier", "roles/verifier=/length", ""}}},
	{"Truth, where it is known", []quantity{{"true references", "truth/right", "truth/parsed"},
		{"votes: precision", "truth/accepted_right", "truth/accepted"},
		{"votes: recall", "truth/accepted_right", "truth/same"}}},
	{"True references, by kind", each("", "right", "readable")},
	{"Held-out accuracy", []quantity{
		{"5 documents", "held_out/0/all/right", "held_out/0/all/n"},
		{"10 documents", "held_out/1/all/right", "held_out/1/all/n"},
		{"20 documents", "held_out/2/all/right", "held_out/2/all/n"},
		{"40 documents", "held_out/3/all/right", "held_out/3/all/n"}}},
	{"Accuracy on documents kept out", []quantity{{"avg@n", "accuracy", ""}}},
	{"Tokens that train, by role", []quantity{{"questioner", "update/parts/questioner=/share", ""},
		{"responder", "update/parts/responder=/share", ""}, {"verifier", "update/parts/verifier=/share", ""}}},
	{"Gradient norm", []quantity{{"before clipping", "update/grad_norm", ""},
		{"questioner", "update/parts/questioner=/grad_norm", ""},
		{"responder", "update/parts/responder=/grad_norm", ""},
		{"verifier", "update/parts/verifier=/grad_norm", ""}}},
	{"Entropy, nats a token", []quantity{{"entropy", "update/entropy", ""}}},
}

// readPlots returns the plots of a metrics file that have anything to show.
func readPlots(path string) ([]Plot, error) {
	lines, err := readLines(path)
	if err != nil {
		return nil, err
	}
	var list []Plot
	for _, def := range plots {
		p := Plot{Title: def.title}
		for _, q := range def.curves {
			c := Curve{Name: q.name}
			for _, line := range lines {
				step, ok := value(line, "step")
				v, there := q.of(line)
				if ok && there {
					c.Points = append(c.Points, Point{step, v})
				}
			}
			if slices.ContainsFunc(c.Points, func(p Point) bool { return p.Value != 0 }) {
				p.Curves = append(p.Curves, c)
			}
		}
		if len(p.Curves) > 0 {
			list = append(list, p)
		}
	}
	return list, nil
}

// readLines returns the lines of a file of JSON objects. A last one without its end is passed over.
func readLines(path string) (lines []any, err error) {
	for raw, err := range journal.Lines(path) {
		if err != nil {
			return nil, fmt.Errorf("reading %s, line %d: %w", path, len(lines)+1, err)
		}
		var line any
		if err := json.Unmarshal(raw, &line); err != nil {
			return nil, fmt.Errorf("%s: line %d is no line of metrics: %w", path, len(lines)+1, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// of returns the quantity in a line.
func (q quantity) of(line any) (float64, bool) {
	path, lacks := strings.CutPrefix(q.at, less)
	v, ok := value(line, path)
	if lacks {
		v = 1 - v
	}
	if q.over == "" {
		return v, ok
	}
	all, ok := value(line, q.over) // counts of nothing may be left out
	return v / all, ok && all > 0
}

// value returns the number at a path.
func value(tree any, path string) (float64, bool) {
	for key := range strings.SplitSeq(path, "/") {
		switch t := tree.(type) {
		case map[string]any:
			tree = t[key]
		case []any:
			tree = element(t, key)
		default:
			return 0, false
		}
	}
	v, ok := tree.(float64)
	return v, ok
}

// element returns that of a list: the one of a name, or at a place.
func element(list []any, key string) any {
	name, named := strings.CutSuffix(key, "=")
	for i, e := range list {
		if !named && fmt.Sprint(i) == key {
			return e
		}
		if m, ok := e.(map[string]any); ok && named && (m["name"] == name || m["role"] == name) {
			return e
		}
	}
	return nil
}
