// Package bench holds what is measured and checked across the whole program.
package bench

import (
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "spell"

// allowed says for each top-level folder what its packages may import of the module. A path means
// that package alone, with "/..." also those below it. Backends lie below kernels, so whoever may
// import only kernels cannot depend on one of them. rl plans its runs on kernels/tally, a backend
// that has no memory and computes nothing.
var allowed = map[string][]string{
	"tensor":    {"tensor/..."},
	"kernels":   {"kernels/...", "tensor/..."},
	"model":     {"model/...", "kernels", "tensor/..."},
	"tokenizer": {"tokenizer/...", "tensor/jsonfile", "tensor/atomicfile", "tensor/signature"},
	"rl": {"rl/...", "model/...", "kernels", "kernels/tally", "tokenizer/...", "tensor/rng",
		"tensor/atomicfile", "tensor/jsonfile"},
	"cmd":   {"rl/...", "model/...", "kernels/...", "tokenizer/...", "tensor/..."},
	"bench": {"bench/...", "rl/...", "model/...", "kernels/...", "tokenizer/...", "tensor/..."},
}

// testOnly are packages that only tests import.
var testOnly = []string{"tensor/fixture", "kernels/kerneltest", "kernels/open/opentest", "rl/runner/runnertest"}

// An edge is one import of a package of the module by another, paths relative to the module.
type edge struct {
	from, to string
	test     bool // from a test file
}

// check returns nil for an edge along the arrows. Test files may import more, for oracles and
// backends to test with, but not what nothing else imports.
func (e edge) check() error {
	room, _, _ := strings.Cut(e.from, "/")
	list, ok := allowed[room]
	if !ok {
		return fmt.Errorf("%q is in none of the folders of the module", e.from)
	}
	within := func(path string) bool {
		below, tree := strings.CutSuffix(path, "/...")
		return e.to == below || tree && strings.HasPrefix(e.to, below+"/")
	}
	switch {
	case e.test && room != "bench" && within("bench/...") || e.test && within("cmd/..."):
		return fmt.Errorf("%s is imported by a test of %s; nothing imports it", e.to, e.from)
	case !e.test && slices.Contains(testOnly, e.to):
		return fmt.Errorf("%s imports %s, which is for tests", e.from, e.to)
	case !e.test && !slices.ContainsFunc(list, within):
		return fmt.Errorf("%s imports %s; packages under %s may import %s",
			e.from, e.to, room, strings.Join(list, ", "))
	}
	return nil
}

// edges reads the imports of every Go file under root, whatever it is built for.
func edges(root string) ([]edge, error) {
	var all []edge
	err := goFiles(root, func(name string) error {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if to, ok := strings.CutPrefix(imported+"/", module+"/"); ok {
				test := strings.HasSuffix(name, "_test.go")
				all = append(all, edge{path.Dir(name), strings.TrimSuffix(to, "/"), test})
			}
		}
		return nil
	})
	return all, err
}

// TestArrows holds every import against the arrows cmd ─► rl ─► model ─► kernels ─► tensor.
func TestArrows(t *testing.T) {
	all, err := edges("..")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range all {
		if err := e.check(); err != nil {
			t.Error(err)
		}
		seen[e.from+" "+e.to] = true
	}
	// Proof that the walk finds what there is.
	for _, known := range []string{"cmd/spell kernels/open", "model kernels", "kernels tensor", "kernels/cpu kernels"} {
		if !seen[known] {
			t.Errorf("the import %q was not found", known)
		}
	}
}

// reaches reports whether a package imports another by any way, test files aside.
func reaches(all []edge, from, to string) bool {
	seen := map[string]bool{}
	var visit func(at string) bool
	visit = func(at string) bool {
		if at == to {
			return true
		}
		if seen[at] {
			return false
		}
		seen[at] = true
		return slices.ContainsFunc(all, func(e edge) bool { return e.from == at && !e.test && visit(e.to) })
	}
	return visit(from)
}

// recipes returns the packages under rl that make runs of their own: they import the runner, or the
// loop that plays games.
func recipes(all []edge) (found []string) {
	for _, e := range all {
		below := strings.HasPrefix(e.from, "rl/") && !strings.HasPrefix(e.from, "rl/runner")
		if below && !e.test && (e.to == "rl" || e.to == "rl/runner") && !slices.Contains(found, e.from) {
			found = append(found, e.from)
		}
	}
	return found
}

// TestRecipes: a recipe is found by what it imports, not by its name.
func TestRecipes(t *testing.T) {
	got := recipes([]edge{
		{from: "rl", to: "rl/runner"}, {from: "rl/runner/runnertest", to: "rl/runner"}, {from: "cmd/spell", to: "rl"},
		{from: "rl/a", to: "rl/runner"}, {from: "rl/a", to: "rl"}, {from: "rl/b", to: "rl"},
		{from: "rl/c", to: "rl/runner", test: true}, {from: "rl/d", to: "rl/play"},
	})
	if !slices.Equal(got, []string{"rl/a", "rl/b"}) {
		t.Errorf("the recipes are %q", got)
	}
}

// TestLoopKnowsNoGame: what games are played with and runs are made of imports none of those that use it.
func TestLoopKnowsNoGame(t *testing.T) {
	all, err := edges("..")
	if err != nil {
		t.Fatal(err)
	}
	found := recipes(all)
	if !slices.Contains(found, "rl/spell") || !slices.Contains(found, "rl/sft") { // proof that some are found
		t.Errorf("the recipes are %q", found)
	}
	for _, from := range []string{"rl", "rl/play", "rl/learn", "rl/runner", "rl/journal", "rl/grpo"} {
		for _, to := range append(found, "rl/role", "rl/curriculum") { // and what they are made of
			if reaches(all, from, to) {
				t.Errorf("%s imports %s, if by others", from, to)
			}
		}
	}
	for _, to := range []string{"rl", "rl/runner", "rl/play", "kernels"} { // proof that the walk goes on
		if !reaches(all, "rl/spell", to) {
			t.Errorf("no way leads from rl/spell to %s", to)
		}
	}
}

// TestArrowsCanFail tries the check on imports that do not exist.
func TestArrowsCanFail(t *testing.T) {
	for _, c := range []struct {
		edge
		ok bool
	}{
		{edge{from: "tensor", to: "tensor/rng"}, true},
		{edge{from: "tensor", to: "kernels"}, false},
		{edge{from: "tensor/safetensors", to: "tokenizer"}, false},
		{edge{from: "kernels/open", to: "kernels/cpu"}, true},
		{edge{from: "tokenizer", to: "tensor/fixture", test: true}, true},
		{edge{from: "model/hf", to: "tensor/fixture"}, false},
		{edge{from: "kernels/cpu", to: "kernels/kerneltest"}, false},
		{edge{from: "kernels/cpu", to: "tensor"}, true},
		{edge{from: "kernels", to: "model/forest"}, false},
		{edge{from: "kernels/cpu", to: "rl"}, false},
		{edge{from: "model/hf", to: "tensor/safetensors"}, true},
		{edge{from: "model", to: "kernels"}, true},
		{edge{from: "model", to: "kernels/cpu"}, false},
		{edge{from: "model", to: "kernels/tally"}, false},
		{edge{from: "rl", to: "kernels/tally"}, true},
		{edge{from: "model/rollout", to: "rl/role"}, false},
		{edge{from: "model/hf", to: "tokenizer"}, false},
		{edge{from: "tokenizer", to: "tensor"}, false},
		{edge{from: "tokenizer", to: "tensor", test: true}, true},
		{edge{from: "rl", to: "kernels"}, true},
		{edge{from: "rl", to: "kernels/open"}, false},
		{edge{from: "rl/pretrain", to: "kernels/ref"}, false},
		{edge{from: "rl/pretrain", to: "kernels/ref", test: true}, true},
		{edge{from: "rl", to: "tensor/rng"}, true},
		{edge{from: "rl", to: "tensor"}, false},
		{edge{from: "rl", to: "cmd/spell"}, false},
		{edge{from: "rl", to: "cmd/spell", test: true}, false},
		{edge{from: "cmd/spell", to: "rl"}, true},
		{edge{from: "cmd/spell", to: "bench"}, false},
		{edge{from: "model", to: "bench/suite", test: true}, false},
		{edge{from: "bench", to: "kernels/cpu"}, true},
		{edge{from: "bench", to: "bench/rounds", test: true}, true},
		{edge{from: "kernels", to: "bench/rounds", test: true}, false},
		{edge{from: "bench", to: "cmd/spell"}, false},
		{edge{from: ".", to: "tensor"}, false},
		{edge{from: "internal/misc", to: "tensor"}, false},
		{edge{from: "modelling", to: "tensor"}, false},
		{edge{from: "model", to: "tensorial"}, false},
	} {
		if err := c.check(); (err == nil) != c.ok {
			t.Errorf("%s to %s, from a test %v: error is %v, want one: %v", c.from, c.to, c.test, err, !c.ok)
		}
	}
}
