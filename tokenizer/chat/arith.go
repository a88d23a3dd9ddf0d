package chat

import (
	"html"
	"math"
	"math/big"
	"slices"
)

// binary applies an arithmetic operator.
func (m *machine) binary(op string, a, b value) value {
	m.failUndefined(a)
	if s, ok := asText(a); ok {
		if v := m.textOperator(op, a, s, b); v != nil {
			return v
		}
	}
	m.failUndefined(b)
	i, isInt := asInt(a)
	j, isInt2 := asInt(b)
	if op == "*" {
		if v := m.times(a, j, isInt2); v != nil {
			return v
		}
		if v := m.times(b, i, isInt); v != nil {
			return v
		}
	}
	if isInt && isInt2 {
		return m.integers(op, i, j)
	}
	x, ok := asFloat(a)
	y, ok2 := asFloat(b)
	if ok && ok2 {
		return m.floats(op, x, y)
	}
	if op == "+" {
		if v := m.join(a, b); v != nil {
			return v
		}
	}
	m.fail("the operator %s does not take values of type %s and %s", op, typeName(a), typeName(b))
	return nil
}

// textOperator returns text + text or text % values, or nil. Text
// marked safe escapes what it is added to.
func (m *machine) textOperator(op string, a value, s string, b value) value {
	_, safe := a.(markup)
	switch op {
	case "+":
		t, ok := asText(b)
		if !ok {
			return nil
		}
		_, safe2 := b.(markup)
		if safe && !safe2 {
			t = m.escape(t)
		}
		if safe2 && !safe {
			s = m.escape(s)
		}
		m.charge(int64(len(s) + len(t)))
		if safe || safe2 {
			return markup(s + t)
		}
		return s + t
	case "%":
		return m.percent(m.plain(a, "the operator %"), b)
	}
	return nil
}

// escape writes &, <, >, ' and " as entities, as MarkupSafe does.
func (m *machine) escape(s string) string {
	m.chargeTimes(len(s), 5)
	return html.EscapeString(s)
}

// times returns a string, list or tuple repeated n times, or nil.
func (m *machine) times(v value, n int64, ok bool) value {
	if !ok {
		return nil
	}
	n = max(n, 0)
	switch v := v.(type) {
	case string:
		w := writer{m: m}
		w.repeat(v, n)
		return w.String()
	case markup:
		w := writer{m: m}
		w.repeat(string(v), n)
		return markup(w.String())
	case list:
		m.chargeTimes(len(v)*sizeOfElement, n)
		return list(slices.Repeat(v, repeats(len(v), n)))
	case tuple:
		m.chargeTimes(len(v)*sizeOfElement, n)
		return tuple(slices.Repeat(v, repeats(len(v), n)))
	}
	return nil
}

// repeats returns n as an int, or 0 if there is nothing to repeat.
func repeats(size int, n int64) int {
	if size == 0 {
		return 0
	}
	return int(n)
}

// join returns two lists or two tuples as one, or nil.
func (m *machine) join(a, b value) value {
	switch a := a.(type) {
	case list:
		if b, ok := b.(list); ok {
			m.chargeElements(len(a) + len(b))
			return slices.Concat(a, b)
		}
	case tuple:
		if b, ok := b.(tuple); ok {
			m.chargeElements(len(a) + len(b))
			return slices.Concat(a, b)
		}
	}
	return nil
}

func (m *machine) overflow(op string) {
	m.fail("the result of %s has more than 64 bits, which is not supported", op)
}

func (m *machine) subtract(i, j int64) int64 {
	d := i - j
	if (i < 0) != (j < 0) && (d < 0) != (i < 0) {
		m.overflow("-")
	}
	return d
}

func (m *machine) multiply(i, j int64) int64 {
	p := i * j
	if i != 0 && (p/i != j || i == -1 && j == math.MinInt64) {
		m.overflow("*")
	}
	return p
}

func (m *machine) integers(op string, i, j int64) value {
	switch op {
	case "+":
		s := i + j
		if (i < 0) == (j < 0) && (s < 0) != (i < 0) {
			m.overflow(op)
		}
		return s
	case "-":
		return m.subtract(i, j)
	case "*":
		return m.multiply(i, j)
	case "**":
		return m.power(i, j)
	}
	if j == 0 {
		m.fail("division by zero")
	}
	switch {
	case op == "/":
		f, _ := new(big.Rat).SetFrac64(i, j).Float64()
		return f
	case op == "%" && j == -1:
		return int64(0)
	case op == "%":
		if r := i % j; r != 0 && (r < 0) != (j < 0) {
			return r + j
		} else {
			return r
		}
	case j == -1:
		return m.subtract(0, i)
	}
	q := i / j
	if i%j != 0 && (i < 0) != (j < 0) {
		q--
	}
	return q
}

func (m *machine) power(i, j int64) value {
	if j < 0 {
		return m.floats("**", float64(i), float64(j))
	}
	result := int64(1)
	for j > 0 {
		if j&1 == 1 {
			result = m.multiply(result, i)
		}
		if j >>= 1; j > 0 {
			i = m.multiply(i, i)
		}
	}
	return result
}

func (m *machine) floats(op string, x, y float64) value {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "**":
		f := math.Pow(x, y)
		switch {
		case x == 0 && y < 0:
			m.fail("zero cannot be raised to a negative power")
		case x < 0 && y != math.Trunc(y) && !math.IsInf(x, 0):
			m.fail("a negative number to a fractional power is complex, which is not supported")
		case math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0):
			m.fail("the result of ** is too large")
		}
		return f
	}
	if y == 0 {
		m.fail("division by zero")
	}
	if op == "/" {
		return x / y
	}
	quotient, remainder := floorDivide(x, y)
	if op == "//" {
		return quotient
	}
	return remainder
}

// floorDivide returns Python's divmod of floats.
func floorDivide(x, y float64) (quotient, remainder float64) {
	remainder = math.Mod(x, y)
	q := (x - remainder) / y
	if remainder == 0 {
		remainder = math.Copysign(0, y)
	} else if (y < 0) != (remainder < 0) {
		remainder += y
		q--
	}
	if q == 0 {
		return math.Copysign(0, x/y), remainder
	}
	quotient = math.Floor(q)
	if q-quotient > 0.5 {
		quotient++
	}
	return quotient, remainder
}
