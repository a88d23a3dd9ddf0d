package tensor

import (
	"go/build"
	"path/filepath"
	"testing"
)

// TestSupportedPlatforms checks by build constraints, without building, that platforms that cannot
// run the program refuse with a sentence and no others do, and that exactly one file maps memory on
// each.
func TestSupportedPlatforms(t *testing.T) {
	for _, c := range []struct {
		system, processor string
		supported         bool
	}{
		{"linux", "amd64", true},
		{"linux", "arm64", true},
		{"linux", "riscv64", true},
		{"linux", "ppc64le", true},
		{"linux", "s390x", true},
		{"linux", "loong64", true},
		{"linux", "mips64le", true},
		{"darwin", "arm64", true},
		{"windows", "amd64", true},
		{"freebsd", "amd64", true},
		{"linux", "386", false},
		{"linux", "arm", false},
		{"linux", "mips", false},
		{"windows", "386", false},
		{"js", "wasm", false},
		{"wasip1", "wasm", false},
		{"plan9", "amd64", false},
	} {
		platform := c.system + "/" + c.processor
		context := build.Context{GOOS: c.system, GOARCH: c.processor, Compiler: "gc"}
		refuses, err := context.MatchFile(".", "unsupported.go")
		if err != nil {
			t.Fatal(err)
		}
		if refuses == c.supported {
			t.Errorf("%s: the build is refused: %v, want %v", platform, refuses, !c.supported)
		}
		files, err := filepath.Glob("map_*.go")
		if err != nil {
			t.Fatal(err)
		}
		maps := 0
		for _, name := range files {
			if match, err := context.MatchFile(".", name); err != nil {
				t.Fatal(err)
			} else if match {
				maps++
			}
		}
		if maps != 1 {
			t.Errorf("%s: %d files map memory, want 1", platform, maps)
		}
	}
}
