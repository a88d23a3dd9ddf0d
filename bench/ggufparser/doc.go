// Package ggufparser reads GGUF files of spell export back with gguf-parser-go, which shares nothing
// with it. It is a module of its own, so that the program does not depend on the parser:
//
//	cd bench/ggufparser && go test
package ggufparser
