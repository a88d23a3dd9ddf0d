package corpus

import (
	"path"
	"regexp"
)

// piece matches what a piece of a file has behind the file's name.
var piece = regexp.MustCompile(`#[0-9]+$`)

// Below reports whether a pattern, as of a shell, matches the path of a document's file or that of a folder above it.
func Below(document string, patterns ...string) bool {
	name := piece.ReplaceAllString(document, "")
	for ; name != "." && name != "/"; name = path.Dir(name) {
		for _, pattern := range patterns {
			if ok, err := path.Match(pattern, name); ok && err == nil {
				return true
			}
		}
	}
	return false
}
