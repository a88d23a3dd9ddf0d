// Package plural writes numbers of things in sentences.
package plural

import "strconv"

// Of returns n and what is counted, such as "1 step" and "2 steps". The plural ends in s.
func Of(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Are returns n, what is counted and the verb behind it, such as "1 step is" and "2 steps are".
func Are(n int, what string) string {
	if n == 1 {
		return Of(n, what) + " is"
	}
	return Of(n, what) + " are"
}
