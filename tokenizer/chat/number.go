package chat

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// parseInt returns Python's int(text, base).
func (m *machine) parseInt(s string, base int) (int64, bool) {
	if base < 0 || base == 1 || base > 36 {
		m.fail("the base of int must be 0 or from 2 to 36")
	}
	s = strings.TrimFunc(s, isSpace)
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || !isASCII(s) || !underscored(digits) {
		return 0, false
	}
	prefix := ""
	if len(digits) > 1 && digits[0] == '0' {
		prefix = strings.ToLower(digits[:2])
	}
	switch {
	case base == 0 && prefix != "" && prefix[1] <= '9' && strings.Trim(digits, "0_") != "":
		return 0, false // leading zeros, which Go would read as octal
	case base == 16 && prefix == "0x", base == 8 && prefix == "0o", base == 2 && prefix == "0b":
		digits = digits[2:]
	}
	if base != 0 {
		digits = strings.ReplaceAll(digits, "_", "")
	}
	if strings.HasPrefix(s, "-") {
		digits = "-" + digits
	}
	i, err := strconv.ParseInt(digits, base, 64)
	if errors.Is(err, strconv.ErrRange) {
		m.overflow("int")
	}
	return i, err == nil
}

// underscored reports whether underscores stand between digits only.
func underscored(s string) bool {
	return !strings.HasPrefix(s, "_") && !strings.HasSuffix(s, "_") && !strings.Contains(s, "__")
}

// parseFloat returns Python's float(text), which unlike Go knows no hexadecimal.
func parseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.ContainsAny(s, "xXpP") || !underscored(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

// roundHalfEven returns Python's round(f, precision): the nearest
// decimal, the exact value of f deciding.
func roundHalfEven(f float64, precision int64) float64 {
	if precision > 330 || math.IsInf(f, 0) || math.IsNaN(f) {
		return f
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
	return r
}
