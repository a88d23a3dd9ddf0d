package settings

import (
	"encoding"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// maxWord is more bytes than any word has, but not too many for a sentence.
const maxWord = 100

// text decodes a value that reads itself. Its error says what it takes.
func (d *decoder) text(v reflect.Value, n *node, f field) error {
	if n.kind == list || n.kind == block || len(n.text) > maxWord {
		return d.fail(n.line, n.column, "%s is %s; it takes one word", f.name, n.say())
	}
	err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.text))
	if err == nil {
		return nil
	}
	if says, ok := strings.CutPrefix(err.Error(), f.leaf()+" "); ok { // as in moments is "fp8"; use …
		return d.fail(n.line, n.column, "%s %s", f.name, says)
	}
	return d.fail(n.line, n.column, "%s: %v", f.name, err)
}

func (d *decoder) string(v reflect.Value, n *node, f field) error {
	switch n.kind {
	case list, block:
		return d.fail(n.line, n.column, "%s is %s; it takes one text", f.name, n.say())
	case number, truth:
		return d.fail(n.line, n.column, "%s is %s; it takes a text: write %q in quotes",
			f.name, n.say(), shorten(n.text))
	}
	v.SetString(n.text)
	return nil
}

func (d *decoder) bool(v reflect.Value, n *node, f field) error {
	mend := "write true or false"
	switch low := strings.ToLower(n.text); {
	case n.kind == truth:
		v.SetBool(low == "true")
		return nil
	case n.kind == list || n.kind == block:
	case low == "true" || low == "false":
		mend = "write " + low + " without quotes"
	case low == "yes" || low == "on" || low == "y" || low == "1":
		mend = "write true"
	case low == "no" || low == "off" || low == "n" || low == "0":
		mend = "write false"
	}
	return d.fail(n.line, n.column, "%s is %s; %s", f.name, n.say(), mend)
}

func (d *decoder) float(v reflect.Value, n *node, f field) error {
	if n.kind != number {
		return d.noNumber(n, f, "a number")
	}
	x, err := strconv.ParseFloat(n.text, v.Type().Bits())
	if err != nil {
		return d.fail(n.line, n.column, "%s is %s, which is too large for a number", f.name, n.say())
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(n.text), "e")
	if x == 0 && strings.ContainsAny(mantissa, "123456789") {
		return d.fail(n.line, n.column, "%s is %s, which is too close to 0; write 0 or a larger number",
			f.name, n.say())
	}
	v.SetFloat(x)
	return nil
}

// integer decodes a whole number, which may be written as 1e3 or 3.0.
func (d *decoder) integer(v reflect.Value, n *node, f field) error {
	if n.kind != number {
		return d.noNumber(n, f, "a whole number")
	}
	digits := strings.TrimLeft(n.text, "+-")
	if len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789") == "" {
		return d.fail(n.line, n.column, "%s is %s; write it without the leading 0", f.name, n.say())
	}
	text, whole := integral(n.text)
	if !whole {
		return d.fail(n.line, n.column, "%s is %s; it takes a whole number", f.name, n.say())
	}
	bits := v.Type().Bits()
	if v.CanUint() {
		u, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			most := uint64(math.MaxUint64) >> (64 - bits)
			return d.fail(n.line, n.column, "%s is %s; it takes whole numbers from 0 to %d", f.name, n.say(), most)
		}
		v.SetUint(u)
		return nil
	}
	i, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		most := int64(math.MaxInt64) >> (64 - bits)
		return d.fail(n.line, n.column, "%s is %s; it takes whole numbers from %d to %d",
			f.name, n.say(), -most-1, most)
	}
	v.SetInt(i)
	return nil
}

// integral writes a decimal number without point and exponent, and reports whether it is whole. One
// of too many digits for any integer stays too large.
func integral(text string) (string, bool) {
	sign := ""
	if text[0] == '-' {
		sign = "-"
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(strings.TrimLeft(text, "+-")), "e")
	before, after, _ := strings.Cut(mantissa, ".")
	after = strings.TrimRight(after, "0")
	digits := strings.TrimLeft(before+after, "0")
	if digits == "" {
		return "0", true
	}
	exponent, err := strconv.Atoi(power)
	if err != nil && power != "" { // beyond all bounds
		exponent = 1 << 32
		if power[0] == '-' {
			exponent = -exponent
		}
	}
	kept := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(kept) - len(after)
	if exponent < 0 {
		return "", false
	}
	return sign + kept + strings.Repeat("0", min(exponent, 40)), true
}

// noNumber says what to write in place of a value that is no number in plain digits.
func (d *decoder) noNumber(n *node, f field, takes string) error {
	bare := strings.NewReplacer("_", "", ",", "").Replace(n.text)
	_, err := strconv.ParseInt(bare, 0, 64)
	switch low := strings.ToLower(strings.TrimLeft(n.text, "+-.")); {
	case n.kind == list || n.kind == block || n.kind == truth:
	case n.kind == quoted && decimal.MatchString(n.text):
		return d.fail(n.line, n.column, "%s is %s, a text; write %s without quotes", f.name, n.say(), shorten(n.text))
	case low == "inf" || low == "infinity" || low == "nan":
		takes = "a finite number"
	case decimal.MatchString(bare):
		return d.fail(n.line, n.column, "%s is %s; write %s", f.name, n.say(), shorten(bare))
	case err == nil:
		i, _ := strconv.ParseInt(bare, 0, 64)
		return d.fail(n.line, n.column, "%s is %s; write %d", f.name, n.say(), i)
	}
	return d.fail(n.line, n.column, "%s is %s; it takes %s", f.name, n.say(), takes)
}
