// Package soak runs self-play for long and watches its memory (on Linux, which tells).
package soak
