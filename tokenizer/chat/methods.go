package chat

import "slices"

// methods holds those of Python's types that templates call, by type and name.
var methods = map[string]map[string]function{
	"list":  sequenceMethods,
	"tuple": sequenceMethods,
	"dict": {
		"get": func(m *machine, self value, a args) value {
			p := a.bind(m, "dict.get", 1, "key", "default")
			if v, ok := self.(*dict).get(m.hash(p[0])); ok {
				return v
			}
			if p[1] == nil {
				return none{}
			}
			return p[1]
		},
		"items": func(m *machine, self value, a args) value {
			a.bind(m, "dict.items", 0)
			m.chargeElements(3 * self.(*dict).len())
			return &view{"dict_items", self.(*dict).pairs()}
		},
		"keys": func(m *machine, self value, a args) value {
			a.bind(m, "dict.keys", 0)
			return &view{"dict_keys", self.(*dict).keys}
		},
		"values": func(m *machine, self value, a args) value {
			a.bind(m, "dict.values", 0)
			return &view{"dict_values", self.(*dict).values}
		},
		"copy": func(m *machine, self value, a args) value {
			a.bind(m, "dict.copy", 0)
			return self
		},
	},
}

var sequenceMethods = map[string]function{
	"index": func(m *machine, self value, a args) value {
		v := a.bind(m, "index", 1, "value")[0]
		for i, item := range m.iterate(self) {
			if m.equal(item, v) {
				return int64(i)
			}
		}
		m.fail("the value is not in the %s", typeName(self))
		return nil
	},
	"count": func(m *machine, self value, a args) value {
		v := a.bind(m, "count", 1, "value")[0]
		n := int64(0)
		for _, item := range m.iterate(self) {
			if m.equal(item, v) {
				n++
			}
		}
		return n
	},
	"copy": func(m *machine, self value, a args) value {
		a.bind(m, "copy", 0)
		return slices.Clone(self.(list))
	},
}

// mutators are the methods that the immutable sandbox withholds.
var mutators = map[string][]string{
	"list": {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"},
	"dict": {"clear", "pop", "popitem", "setdefault", "update"},
}

// refusedMethods are attributes that Python's types have and that have no counterpart here.
var refusedMethods = map[string][]string{
	"str": {"casefold", "center", "encode", "expandtabs", "format_map", "isascii", "isidentifier", "isprintable",
		"istitle", "ljust", "maketrans", "rjust", "swapcase", "translate", "zfill"},
	"dict":  {"fromkeys"},
	"int":   {"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "imag", "numerator", "real", "to_bytes"},
	"bool":  {"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "imag", "numerator", "real", "to_bytes"},
	"float": {"as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real"},
	"range": {"count", "index", "start", "step", "stop"},
	"Macro": {"arguments", "caller", "catch_kwargs", "catch_varargs"},
}
