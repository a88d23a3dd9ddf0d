package chat

import "math"

// filters holds Jinja2's filters by name, and transformers' tojson. The table is filled at start,
// since map and its like look into it themselves.
var filters map[string]function

func init() {
	filters = map[string]function{
		// text, in filters_text.go
		"capitalize": textFilter("capitalize", capitalize), "lower": textFilter("lower", lower),
		"upper": textFilter("upper", upper), "title": textFilter("title", titleWords),
		"trim": trimFilter, "replace": replaceFilter, "indent": indentFilter, "format": formatFilter,
		"wordcount": wordCount, "string": stringFilter, "safe": safeFilter,
		"escape": escapeFilter, "e": escapeFilter, "forceescape": escapeFilter,
		// numbers
		"abs": absFilter, "int": intFilter, "float": floatFilter, "round": roundFilter,
		// sequences, in filters_sequence.go
		"count": lengthFilter, "length": lengthFilter, "first": firstFilter, "last": lastFilter, "list": listFilter,
		"reverse": reverseFilter, "join": joinFilter, "sort": sortFilter, "unique": uniqueFilter,
		"min": extremeFilter("min", -1), "max": extremeFilter("max", 1), "sum": sumFilter,
		"map": mapFilter, "select": selectFilter("select", true, false), "reject": selectFilter("reject", false, false),
		"selectattr": selectFilter("selectattr", true, true), "rejectattr": selectFilter("rejectattr", false, true),
		// the rest
		"items": itemsFilter, "dictsort": dictSortFilter, "attr": attrFilter,
		"default": defaultFilter, "d": defaultFilter, "tojson": tojson,
	}
}

func defaultFilter(m *machine, self value, a args) value {
	p := a.bind(m, "default", 0, "default_value", "boolean")
	_, missing := self.(*undefined)
	if !missing && (p[1] == nil || !truth(p[1]) || truth(self)) {
		return self
	}
	if p[0] == nil {
		return ""
	}
	return p[0]
}

func attrFilter(m *machine, self value, a args) value {
	name := m.textOf(a.bind(m, "attr", 1, "name")[0], "attr")
	if v := m.attribute(self, name); v != nil {
		return v
	}
	return missing(self, "attribute '"+name+"'")
}

func itemsFilter(m *machine, self value, a args) value {
	a.bind(m, "items", 0)
	switch v := self.(type) {
	case *undefined:
		return &iterator{}
	case *dict:
		m.chargeElements(3 * v.len())
		return &iterator{v.pairs()}
	}
	m.fail("the filter \"items\" needs a mapping, not a value of type %s", typeName(self))
	return nil
}

func dictSortFilter(m *machine, self value, a args) value {
	p := a.bind(m, "dictsort", 0, "case_sensitive", "by", "reverse")
	d, ok := self.(*dict)
	if !ok {
		m.failUndefined(self)
		m.fail("the filter \"dictsort\" needs a mapping, not a value of type %s", typeName(self))
	}
	by := 0
	if p[1] != nil {
		switch p[1] {
		case "key":
		case "value":
			by = 1
		default:
			m.fail("dictsort sorts by \"key\" or by \"value\"")
		}
	}
	m.chargeElements(3 * d.len())
	pairs := d.pairs()
	exact := p[0] != nil && truth(p[0])
	m.sort(pairs, func(pair value) value { return m.sortKey(pair.(tuple)[by], exact) }, p[2] != nil && truth(p[2]))
	return list(pairs)
}

func absFilter(m *machine, self value, a args) value {
	a.bind(m, "abs", 0)
	m.failUndefined(self)
	if f, ok := self.(float64); ok {
		return math.Abs(f)
	}
	i, ok := asInt(self)
	if !ok {
		m.fail("the filter \"abs\" needs a number, not a value of type %s", typeName(self))
	}
	if i < 0 {
		return m.subtract(0, i)
	}
	return i
}

func intFilter(m *machine, self value, a args) value {
	p := a.bind(m, "int", 0, "default", "base")
	m.failUndefined(self)
	otherwise := p[0]
	if otherwise == nil {
		otherwise = int64(0)
	}
	base := int64(10)
	if p[1] != nil {
		base = m.intOf(p[1], "the base of int")
	}
	f, isFloat := self.(float64)
	if s, ok := asText(self); ok {
		m.look(len(s))
		if i, ok := m.parseInt(s, int(base)); ok {
			return i
		}
		if f, isFloat = parseFloat(s); !isFloat {
			return otherwise
		}
		if math.IsInf(f, 0) {
			return otherwise
		}
	} else if i, ok := asInt(self); ok {
		return i
	}
	if !isFloat || math.IsNaN(f) {
		return otherwise
	}
	i, ok := intOf(math.Trunc(f))
	if !ok {
		m.overflow("int")
	}
	return i
}

func floatFilter(m *machine, self value, a args) value {
	p := a.bind(m, "float", 0, "default")
	m.failUndefined(self)
	if f, ok := asFloat(self); ok {
		return f
	}
	if s, ok := asText(self); ok {
		m.look(len(s))
		if f, ok := parseFloat(s); ok {
			return f
		}
	}
	if p[0] == nil {
		return 0.0
	}
	return p[0]
}

func roundFilter(m *machine, self value, a args) value {
	p := a.bind(m, "round", 0, "precision", "method")
	m.failUndefined(self)
	precision := int64(0)
	if p[0] != nil {
		precision = m.intOf(p[0], "the precision of round")
	}
	if precision < 0 {
		m.fail("round with a negative precision is not supported")
	}
	f, ok := asFloat(self)
	if !ok {
		m.fail("the filter \"round\" needs a number, not a value of type %s", typeName(self))
	}
	var toward func(float64) float64
	switch p[1] {
	case nil, "common":
		if _, ok := self.(float64); !ok {
			i, _ := asInt(self)
			return i
		}
		return roundHalfEven(f, precision)
	case "ceil":
		toward = math.Ceil
	case "floor":
		toward = math.Floor
	default:
		m.fail("round rounds by \"common\", \"ceil\" or \"floor\"")
	}
	scale := math.Pow10(int(min(precision, 400)))
	r := toward(f*scale) / scale
	if math.IsNaN(r) || math.IsInf(r, 0) {
		m.fail("the number %s cannot be rounded to %d digits", formatFloat(f), precision)
	}
	return r
}
