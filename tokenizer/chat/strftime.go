package chat

import (
	"fmt"
	"strings"
)

// strftime formats the rendering's time as Python's datetime.strftime
// does in the C locale, for a time without zone. A minus sign after the
// percent sign leaves out the padding, as in the C library of Linux.
func (m *machine) strftime(format string) string {
	if m.now.IsZero() {
		m.fail("the template asks for the date and the time was not given")
	}
	w := writer{m: m}
	for {
		text, rest, found := strings.Cut(format, "%")
		w.text(text)
		if !found {
			return w.String()
		}
		code, plain := strings.CutPrefix(rest, "-")
		if code == "" {
			m.fail("the time format ends in a percent sign")
		}
		format = code[1:]
		w.text(m.timeField(code[0], plain))
	}
}

// timeLayouts holds the codes for which package time has a layout.
var timeLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'p': "PM",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05", 'D': "01/02/06", 'F': "2006-01-02",
	'R': "15:04", 'T': "15:04:05", 'r': "03:04:05 PM",
}

func (m *machine) timeField(code byte, plain bool) string {
	t := m.now
	if layout, ok := timeLayouts[code]; ok {
		return t.Format(layout)
	}
	isoYear, isoWeek := t.ISOWeek()
	weekday, yearDay := int(t.Weekday()), t.YearDay()-1
	hour := (t.Hour()+11)%12 + 1
	n, width, fill := 0, 2, "0"
	switch code {
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'z', 'Z':
		return ""
	case 'd':
		n = t.Day()
	case 'e':
		n, fill = t.Day(), " "
	case 'f':
		n, width = t.Nanosecond()/1000, 6
	case 'H':
		n = t.Hour()
	case 'I':
		n = hour
	case 'k':
		n, fill = t.Hour(), " "
	case 'l':
		n, fill = hour, " "
	case 'j':
		n, width = yearDay+1, 3
	case 'm':
		n = int(t.Month())
	case 'M':
		n = t.Minute()
	case 'S':
		n = t.Second()
	case 'u':
		n, width = (weekday+6)%7+1, 1
	case 'w':
		n, width = weekday, 1
	case 'U':
		n = (yearDay + 7 - weekday) / 7
	case 'W':
		n = (yearDay + 7 - (weekday+6)%7) / 7
	case 'V':
		n = isoWeek
	case 'G':
		n, width = isoYear, 4
	case 'g':
		n = isoYear % 100
	case 'C':
		n = t.Year() / 100
	case 'y':
		n = t.Year() % 100
	case 'Y':
		n, width = t.Year(), 1
	default:
		m.fail("the code %%%c in a time format is not supported", code)
	}
	text := fmt.Sprint(n)
	if !plain && len(text) < width {
		text = strings.Repeat(fill, width-len(text)) + text
	}
	return text
}
