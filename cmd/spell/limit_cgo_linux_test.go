//go:build cgo

package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestTightLimits: a limit below what the runtimes of C and Go begin with is told in one sentence,
// not by a dump of theirs.
func TestTightLimits(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("this system has no sh to set the limits")
	}
	for _, c := range []struct{ ulimit, says string }{
		{"-d 100000", "ulimit -d limits the data"},
		{"-d 50000", "ulimit -d limits the data"},
		{"-n 5", "ulimit -n limits the open files"},
		{"-n 15", "ulimit -n limits the open files"},
		{"-s 32", "ulimit -s limits the stack"},
		{"-v 1000000", "ulimit -v limits the address space"},
		{"-n 16", ""},
		{"-s 64", ""},
	} {
		t.Run(c.ulimit, func(t *testing.T) {
			child := command(t, "free")
			limited := "ulimit " + c.ulimit + ` && exec "$0" version`
			child.Path, child.Args = shell, []string{"sh", "-c", limited, os.Args[0]}
			child.Run()
			if o := child.result(); c.says != "" {
				o.fails(t, c.says, "raise the limit")
			} else if o.code != 0 || o.stderr != "" {
				t.Errorf("%+v", o)
			}
		})
	}
}
