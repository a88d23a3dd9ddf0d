package chat

import "math"

// dict is Python's dict: entries in the order of first insertion, looked up by equality of keys.
type dict struct {
	keys, values []value
	index        map[hashed]int
}

// hashed is a Go-comparable stand-in for a Python key: equal exactly when the keys are.
type hashed struct {
	kind byte
	num  uint64
	text string
}

func newDict(n int) *dict { return &dict{index: make(map[hashed]int, n)} }

func (d *dict) len() int { return len(d.keys) }

func (d *dict) set(h hashed, key, v value) {
	if i, ok := d.index[h]; ok {
		d.values[i] = v
		return
	}
	d.index[h] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, v)
}

func (d *dict) setText(key string, v value) { d.set(hashed{kind: 's', text: key}, key, v) }

func (d *dict) get(h hashed) (value, bool) {
	if i, ok := d.index[h]; ok {
		return d.values[i], true
	}
	return nil, false
}

func (d *dict) getText(key string) (value, bool) { return d.get(hashed{kind: 's', text: key}) }

// pairs returns the entries as (key, value) tuples.
func (d *dict) pairs() []value {
	out := make([]value, d.len())
	for i, k := range d.keys {
		out[i] = tuple{k, d.values[i]}
	}
	return out
}

// hash returns the key of v, and fails on what Python cannot hash.
func (m *machine) hash(v value) hashed {
	h, ok := m.hashable(v)
	if !ok {
		m.fail("unhashable type: '%s'", typeName(v))
	}
	return h
}

func (m *machine) hashable(v value) (hashed, bool) {
	if s, ok := asText(v); ok {
		m.look(len(s))
		return hashed{kind: 's', text: s}, true
	}
	if i, ok := asInt(v); ok {
		return hashed{kind: 'i', num: uint64(i)}, true
	}
	switch v := v.(type) {
	case none:
		return hashed{kind: 'n'}, true
	case *undefined:
		return hashed{kind: 'u'}, true
	case float64:
		if i, ok := intOf(v); ok {
			return hashed{kind: 'i', num: uint64(i)}, true
		}
		return hashed{kind: 'f', num: math.Float64bits(v)}, true
	case tuple:
		return m.hashTuple(v)
	}
	return hashed{}, false
}

// hashTuple writes the keys of the elements one after the other, each with its length before it.
func (m *machine) hashTuple(t tuple) (hashed, bool) {
	m.enter()
	defer m.leave()
	var text []byte
	for _, e := range t {
		h, ok := m.hashable(e)
		if !ok {
			return hashed{}, false
		}
		m.charge(int64(len(h.text)) + 24)
		text = append(text, h.kind)
		for _, n := range [2]uint64{h.num, uint64(len(h.text))} {
			for shift := 0; shift < 64; shift += 8 {
				text = append(text, byte(n>>shift))
			}
		}
		text = append(text, h.text...)
	}
	return hashed{kind: 't', text: string(text)}, true
}
