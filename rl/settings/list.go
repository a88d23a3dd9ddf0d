package settings

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// list decodes the elements of a slice, which may become longer or shorter, or of an array.
func (d *decoder) list(v reflect.Value, n *node, f field) error {
	if n.kind != list && d.saved {
		return d.fail(n.line, n.column, "%s is %s, not a list; %s", f.name, n.say(), otherVersion)
	}
	if n.kind != list {
		return d.noList(v, n, f)
	}
	if err := d.once(n, f); err != nil {
		return err
	}
	if v.Kind() == reflect.Array && len(n.items) != v.Len() {
		return d.fail(n.line, n.column, "%s has %s; it takes %d%s",
			f.name, count(len(n.items), "element"), v.Len(), elements(f))
	}
	if v.Kind() == reflect.Slice {
		longer := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
		if !d.saved { // a saved element says all of itself
			reflect.Copy(longer, v)
		}
		v.Set(longer)
	}
	for i, item := range n.items {
		in := field{name: fmt.Sprintf("%s.%d", f.name, i), tag: f.tag, listed: true}
		if err := d.value(v.Index(i), item, in); err != nil {
			return err
		}
	}
	return nil
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// elements is what the elements of an array mean, behind a colon.
func elements(f field) string {
	what, _, _ := strings.Cut(f.tag.Get("doc"), ";")
	if what == "" {
		return ""
	}
	return ": " + what
}

// noList says what to write in place of a value that is no list. What it advises is accepted.
func (d *decoder) noList(v reflect.Value, n *node, f field) error {
	meant, of := d.meant(v, n), v.Type().Elem()
	switch {
	case meant != "":
		return d.fail(n.line, n.column, "%s is %s; write a list: %s", f.name, n.say(), meant)
	case structOf(of) != nil:
		return d.fail(n.line, n.column, "%s is %s; write a list of blocks%s with fields: %s",
			f.name, n.say(), d.asIn(v), names(fieldsOf(structOf(of), "")))
	case v.Kind() == reflect.Array:
		return d.fail(n.line, n.column, "%s is %s; write a list of %d%s%s",
			f.name, n.say(), v.Len(), d.asIn(v), elements(f))
	case isText(of) && n.kind != block:
		if err := unreadable(of, n); err != nil { // it names the words that there are
			return d.fail(n.line, n.column, "%s takes a list in brackets: %v", f.name, err)
		}
	}
	return d.fail(n.line, n.column, "%s is %s; write a list%s", f.name, n.say(), d.asIn(v))
}

// unreadable is the error of the first of the words with commas between them that type t does not take.
func unreadable(t reflect.Type, n *node) error {
	for _, s := range pieces(n.text) {
		if len(s) > maxWord {
			return nil
		}
		if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
			return err
		}
	}
	return nil
}

// meant is the list that a value means which has commas and perhaps brackets, but is one text; it is
// empty if the list would be refused or too long for a sentence.
func (d *decoder) meant(v reflect.Value, n *node) string {
	all := pieces(n.text)
	if n.kind == block || len(all) == 0 || len(n.text) > mostShown {
		return ""
	}
	is := node{kind: list}
	for _, s := range all {
		item := &node{kind: scalar(s), text: s}
		if v.Type().Elem().Kind() == reflect.String {
			item.kind = quoted
		}
		is.items = append(is.items, item)
	}
	try := decoder{parser: d.parser, given: map[string]int{}, inside: map[string]int{}}
	to := reflect.New(v.Type()).Elem()
	if try.list(to, &is, field{}) != nil {
		return ""
	}
	return d.flow(to)
}

// pieces cuts text at its commas; brackets around it are left out.
func pieces(text string) []string {
	if in, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(in, "]") {
		text = strings.TrimSuffix(in, "]")
	}
	var all []string
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// mostShown is the bytes of the longest list that a sentence shows.
const mostShown = 120

// asIn shows a list as it is; of one of blocks, the first field of the first element.
func (d *decoder) asIn(v reflect.Value) string {
	text := ""
	if in := structOf(v.Type().Elem()); in == nil && v.Len() > 0 {
		text = d.flow(v)
	} else if in != nil && v.Len() > 0 && len(fieldsOf(in, "")) > 0 {
		first := fieldsOf(in, "")[0]
		if element := reflect.Indirect(v.Index(0)); element.IsValid() {
			text = "[{" + d.show(first.name) + ": " + d.flow(element.FieldByIndex(first.at)) + "}]"
		}
	}
	if text == "" || len(text) > mostShown {
		return " in brackets"
	}
	return ", as in " + text
}

// flow is a value in one line, as the format of the file has it.
func (d *decoder) flow(v reflect.Value) string {
	switch {
	case isText(v.Type()), v.Kind() == reflect.String:
		return d.show(scalarText(v))
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		all := make([]string, v.Len())
		for i := range all {
			all[i] = d.flow(v.Index(i))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return inLine(v)
}

// show writes a text as the format of the file has it.
func (d *decoder) show(text string) string {
	if d.quote {
		return strconv.Quote(text)
	}
	return key(text)
}
