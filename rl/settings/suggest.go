package settings

import (
	"reflect"
	"strings"
)

// unknown is the error of a field that struct type t, which is field f, does not have.
func (d *decoder) unknown(t reflect.Type, key string, e *entry, f field) error {
	name := join(f.name, shorten(key))
	if d.saved {
		return d.fail(e.line, e.column, "there is no field %s in this version of the program; %s, or a later one",
			name, otherVersion)
	}
	for _, in := range fieldsOf(t, f.name) {
		if bare(in.leaf()) == bare(key) {
			return d.fail(e.line, e.column, "there is no field %s; it is written %s", name, in.name)
		}
	}
	mean := func(found []string) error {
		return d.fail(e.line, e.column, "there is no field %s; did you mean %s?", name, strings.Join(found, " or "))
	}
	near := nested(nil, t, f.name)
	for _, in := range [][]field{listed(near, t, f.name), listed(nested(nil, d.root, ""), d.root, "")} {
		if found := closest(in, f.name, key, 0); len(found) > 0 {
			return mean(found)
		}
		if found := alsoKnown(in, key); len(found) > 0 {
			return mean(found)
		}
	}
	for _, say := range d.elsewhere {
		if what := say(join(f.name, key)); what != "" {
			return d.fail(e.line, e.column, "there is no field %s; %s", name, what)
		}
	}
	if found := closest(near, f.name, key, min(len(bare(key))-1, max(1, len(bare(key))/3), 3)); len(found) > 0 {
		return mean(found)
	}
	if f.name == "" {
		return d.fail(e.line, e.column, "there is no field %s; --print-config lists them", name)
	}
	return d.fail(e.line, e.column, "there is no field %s; %s has %s", name, f.name, names(fieldsOf(t, "")))
}

// nested appends the fields of a struct type and those inside them, outer ones first.
func nested(all []field, t reflect.Type, prefix string) []field {
	own := fieldsOf(t, prefix)
	all = append(all, own...)
	for _, f := range own {
		if in := structOf(t.FieldByIndex(f.at).Type); in != nil && strings.Count(f.name, ".") < maxDepth {
			all = nested(all, in, f.name)
		}
	}
	return all
}

// otherVersion is the mend of a saved configuration, which nobody writes by hand.
const otherVersion = "resume with the version that the run began with"

// listed appends the fields of the first element of each list of blocks that a struct type has.
func listed(all []field, t reflect.Type, prefix string) []field {
	for _, f := range fieldsOf(t, prefix) {
		of := t.FieldByIndex(f.at).Type
		if of.Kind() == reflect.Slice && structOf(of.Elem()) != nil {
			all = append(all, fieldsOf(structOf(of.Elem()), f.name+".0")...)
		}
	}
	return all
}

// alsoKnown names the fields that other programs call by the key.
func alsoKnown(all []field, key string) []string {
	var found []string
	for _, f := range all {
		for aka := range strings.FieldsSeq(f.tag.Get("aka")) {
			if bare(aka) == bare(key) {
				found = append(found, f.name)
			}
		}
	}
	return found
}

// closest names the fields, at most three, whose own or dotted name the key is nearest to, if no
// more than that many changes make the one of the other.
func closest(all []field, prefix, key string, most int) []string {
	want := bare(key)
	if len(want) > maxDepth {
		return nil
	}
	var found []string
	for _, f := range all {
		away := min(distance(want, bare(f.leaf())), distance(want, bare(strings.TrimPrefix(f.name, prefix))))
		if away < most {
			most, found = away, nil
		}
		if away == most && len(found) < 3 && f.name != prefix {
			found = append(found, f.name)
		}
	}
	return found
}

// bare is a name without what people write differently.
func bare(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
}

// distance is the number of characters to insert, leave out, replace or swap with the next one that
// make b of a.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for i := range len(a) + 1 {
		two, one, now := rows[(i+1)%3], rows[(i+2)%3], rows[i%3]
		for j := range len(b) + 1 {
			switch {
			case i == 0 || j == 0:
				now[j] = i + j
				continue
			case a[i-1] == b[j-1]:
				now[j] = one[j-1]
			default:
				now[j] = 1 + min(one[j-1], one[j], now[j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], 1+two[j-2])
			}
		}
	}
	return rows[len(a)%3][len(b)]
}

// names lists the fields' own names.
func names(fields []field) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.leaf())
	}
	return strings.Join(all, ", ")
}
