package rl

import (
	"reflect"
	"strings"
	"testing"
)

// TestDescribe: every setting has a JSON name, a value and a meaning.
func TestDescribe(t *testing.T) {
	list, err := settings(Default())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < reflect.TypeFor[Config]().NumField() {
		t.Errorf("%d settings of %d fields", len(list), reflect.TypeFor[Config]().NumField())
	}
	seen := map[string]bool{}
	for _, s := range list {
		if s.name == "" || strings.HasSuffix(s.name, ".") || s.value == "" || s.doc == "" || seen[s.name] {
			t.Errorf("setting %+v", s)
		}
		seen[s.name] = true
	}
	var text strings.Builder
	if err := Describe(&text, Small()); err != nil || strings.Count(text.String(), "\n") != len(list) {
		t.Errorf("%v, %q", err, text.String())
	}
}

// TestSame: a resumed run may be longer, nothing else.
func TestSame(t *testing.T) {
	longer := Small()
	longer.Steps++
	if err := same(Small(), longer); err != nil {
		t.Error(err)
	}
	other := Small()
	other.Reward.Sigma = 0.25
	if err := same(Small(), other); err == nil || !strings.Contains(err.Error(), "began with reward.sigma 0.1666") {
		t.Errorf("another sigma: %v", err)
	}
}
