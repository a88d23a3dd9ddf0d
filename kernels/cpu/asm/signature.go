package main

import "strings"

// A param is an argument or a result and its place in the frame.
type param struct {
	name, typ string
	off       int
	result    bool
}

// elem returns the bytes of an element of a slice, 0 of another type.
func (p *param) elem() int {
	switch p.typ {
	case "[]float32", "[]uint32":
		return 4
	case "[]uint16":
		return 2
	}
	return 0
}

func (k *kernel) param(name string) *param {
	for _, p := range k.params {
		if p.name == name {
			return p
		}
	}
	panic("kernel " + k.name + " has no parameter " + name)
}

// describe parses a signature such as "dot(x, y []float32) (ret float32)" and lays out its frame.
func describe(signature, doc string, body func(k *kernel)) *kernel {
	name, rest, _ := strings.Cut(signature, "(")
	k := &kernel{name: name, doc: doc}
	args, results, _ := strings.Cut(rest, ")")
	k.parse(args, false)
	if results != "" {
		k.args = (k.args + 7) &^ 7
		k.parse(strings.Trim(results, " ()"), true)
	}
	k.into = &k.body
	if body != nil {
		body(k)
	}
	return k
}

func (k *kernel) parse(list string, result bool) {
	var fresh []*param
	for _, field := range strings.Split(list, ", ") {
		name, typ, typed := strings.Cut(field, " ")
		if name == "" {
			continue
		}
		fresh = append(fresh, &param{name: name, result: result})
		if !typed {
			continue
		}
		for _, p := range fresh {
			p.typ = typ
			size, align := 8, 8
			switch {
			case strings.HasPrefix(typ, "[]"):
				size = 24
			case typ == "float32", typ == "uint32":
				size, align = 4, 4
			}
			k.args = (k.args + align - 1) &^ (align - 1)
			p.off = k.args
			k.args += size
		}
		k.params = append(k.params, fresh...)
		fresh = nil
	}
}
