package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/rl/metrics"
)

// TestMetricsExplained: what runs write to their metrics is explained, and what is explained they write, but for
// fields that are left out where there is nothing to say.
func TestMetricsExplained(t *testing.T) {
	said := succeed(t, "", "help", metricsTopic)
	for line := range strings.Lines(said) {
		if len([]rune(line)) > 111 {
			t.Errorf("a line of %d columns: %s", len([]rune(line))-1, line)
		}
	}
	for _, command := range []string{
		"train --steps 1 --eval 4 --config testdata/golden/train.json",
		"sft --data testdata/golden/answers.jsonl --epochs 1 --batch 3 --held-out 0.25",
		"pretrain --config testdata/golden/pretrain.json",
	} {
		name, _, _ := strings.Cut(command, " ")
		out := filepath.Join(t.TempDir(), "run")
		succeed(t, "", append(strings.Fields(command), "--out", out, "--quiet")...)
		written := map[string]bool{} // the sets of paths that lines have
		for line := range strings.Lines(string(read(t, filepath.Join(out, "metrics.jsonl")))) {
			paths := map[string]bool{}
			walk(paths, "", decode[any](t, line))
			l := explained(metricLines(), name, paths)
			if l == nil {
				t.Errorf("%s: nothing explains the fields of %s", name, line)
				continue
			}
			written[l.What] = true
			for _, f := range l.Fields() {
				if f.Doc == "" {
					t.Errorf("%s: %s has no meaning", l.What, f.Path)
				}
				if !f.Optional && !paths[f.Path] && !optional(l.Fields(), f.Path) {
					t.Errorf("%s: %s is explained and not written", l.What, f.Path)
				}
				delete(paths, f.Path)
			}
			for path := range paths {
				t.Errorf("%s: %s is written and not explained", l.What, path)
			}
		}
		for _, l := range metricLines() {
			var b strings.Builder
			if err := l.Write(&b); err != nil || !strings.Contains(said, b.String()) {
				t.Errorf("help %s does not have\n%s", metricsTopic, b.String())
			}
			words := strings.FieldsFunc(l.What, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
			if slices.Contains(words, name) && !written[l.What] {
				t.Errorf("no line was written for %q", l.What)
			}
			for path := range l.Docs {
				if !slices.ContainsFunc(l.Fields(), func(f metrics.Field) bool { return f.Path == path }) {
					t.Errorf("%s: the table explains %s, which there is not", l.What, path)
				}
			}
		}
	}
}

// optional reports whether a path is that of a field within one that may be left out.
func optional(fields []metrics.Field, path string) bool {
	return slices.ContainsFunc(fields, func(f metrics.Field) bool {
		return f.Optional && strings.HasPrefix(path, f.Path+"/")
	})
}

// explained returns the line of a method that has as many of the outermost fields as any.
func explained(lines []metrics.Line, method string, paths map[string]bool) (best *metrics.Line) {
	most := 0
	for i, l := range lines {
		n := 0
		for _, f := range l.Fields() {
			if paths[f.Path] && !strings.Contains(f.Path, "/") {
				n++
			}
		}
		if strings.Contains(l.What+" ", " "+method) && n > most {
			best, most = &lines[i], n
		}
	}
	return best
}

// walk takes down the paths of a JSON value.
func walk(paths map[string]bool, under string, tree any) {
	switch v := tree.(type) {
	case map[string]any:
		for key, in := range v {
			paths[under+key] = true
			walk(paths, under+key+"/", in)
		}
	case []any:
		for _, in := range v {
			walk(paths, under, in)
		}
	}
}
