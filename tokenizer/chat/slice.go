package chat

import "unicode/utf8"

func (e *sliceExpr) eval(m *machine) value {
	of := m.eval(e.of)
	var bounds [3]value
	for i, b := range e.bounds {
		if b != nil {
			bounds[i] = m.eval(b)
		}
	}
	m.line = e.line
	switch of := of.(type) {
	case *undefined:
		m.fail("%s", of.why)
	case string:
		return m.sliceText(of, bounds)
	case markup:
		return markup(m.sliceText(string(of), bounds))
	case list:
		return list(m.sliceItems(of, bounds))
	case tuple:
		return tuple(m.sliceItems(of, bounds))
	case interval:
		m.fail("a slice of a range is not supported: the filter list makes a list of it")
	}
	m.fail("a value of type %s has no slices", typeName(of))
	return nil
}

// sliceBounds settles a slice of n elements as Python does. It
// returns the first index, the number of elements and the step.
func (m *machine) sliceBounds(bounds [3]value, n int64) (start, count, step int64) {
	bound := func(i int, missing, low, high int64) int64 {
		v := bounds[i]
		if v == nil || v == (none{}) {
			return missing
		}
		at, ok := asInt(v)
		if !ok {
			m.fail("a slice must be bounded by integers, not by a value of type %s", typeName(v))
		}
		if at < 0 {
			at = max(at, -n-1) + n
		}
		return min(max(at, low), high)
	}
	step = 1
	if v := bounds[2]; v != nil && v != (none{}) {
		s, ok := asInt(v)
		if !ok || s == 0 {
			m.fail("the step of a slice must be an integer other than zero")
		}
		step = min(max(s, -n-1), n+1)
	}
	var stop int64
	if step > 0 {
		start, stop = bound(0, 0, 0, n), bound(1, n, 0, n)
	} else {
		start, stop = bound(0, n-1, -1, n-1), bound(1, -1, -1, n-1)
	}
	return start, interval{start, stop, step}.len(), step
}

func (m *machine) sliceItems(items []value, bounds [3]value) []value {
	start, count, step := m.sliceBounds(bounds, int64(len(items)))
	if step == 1 {
		return items[start : start+count : start+count]
	}
	m.chargeElements(int(count))
	out := make([]value, count)
	for i := range out {
		out[i] = items[start+int64(i)*step]
	}
	return out
}

func (m *machine) sliceText(s string, bounds [3]value) string {
	m.look(len(s))
	start, count, step := m.sliceBounds(bounds, int64(utf8.RuneCountInString(s)))
	if step == 1 {
		rest := s[runeOffset(s, start):]
		return rest[:runeOffset(rest, count)]
	}
	m.charge(int64(len(s)) * 4)
	runes := []rune(s)
	out := make([]rune, count)
	for i := range out {
		out[i] = runes[start+int64(i)*step]
	}
	return string(out)
}

// runeOffset returns the byte offset of the n-th code point.
func runeOffset(s string, n int64) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}
