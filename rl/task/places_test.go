package task

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lists are the files that may name several tasks: a configuration says which ones it asks.
var lists = []string{"rl/spell/config.go", "rl/spell/preset.go"}

// constants returns the name in Go of every task, and the file that declares it.
func constants(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				if of, ok := v.Type.(*ast.Ident); ok && of.Name == "Task" {
					declared[v.Names[0].Name] = name
				}
			}
			return true
		})
	}
	return declared
}

// named returns the tasks that a file outside this package names.
func named(file, source string, declared map[string]string) (names []string, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
	if err != nil {
		return nil, err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "task" && declared[s.Sel.Name] != "" {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	return names, nil
}

// TestOneFile: a task is one file here and at most one of the same name elsewhere, as in the
// generated world. Everything else ranges over the table.
func TestOneFile(t *testing.T) {
	declared := constants(t)
	if len(declared) != len(All()) {
		t.Fatalf("the constants %v are not the tasks %s", declared, Names())
	}
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (file == "rl/task" || file != "." && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || slices.Contains(lists, file) {
			return nil
		}
		source, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		names, err := named(file, string(source), declared)
		for _, name := range names {
			if own := declared[name]; path.Base(file) != own {
				t.Errorf("%s names task.%s: range over task.All, move it to a file %s, or list a configuration above",
					file, name, own)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneFileCanFail tries the check on sources that do not exist.
func TestOneFileCanFail(t *testing.T) {
	for source, want := range map[string]int{
		"package x; var y = task.Numeric": 1, "package x; var y = []any{task.GeneralQA, task.Numeric}": 2,
		"package x; var y = task.All()": 0, "package x; var y = other.Numeric": 0,
	} {
		if names, err := named("x.go", source, constants(t)); err != nil || len(names) != want {
			t.Errorf("%s: names %v, %v, want %d", source, names, err, want)
		}
	}
}
