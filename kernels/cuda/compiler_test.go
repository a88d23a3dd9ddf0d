//go:build cuda && cgo && linux

package cuda

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// architectures are those that the kernels are compiled for without a device, and their compute capabilities.
var architectures = []struct {
	name       string
	capability int
}{{"sm_80", 80}, {"sm_90", 90}, {"sm_90a", 90}}

// stackBudget returns how many instructions of a kernel may access what does not fit its registers: none,
// but for the sines of large angles, and for heads so wide that their sums alone are half of them.
func stackBudget(name string) int {
	switch {
	case name == "rope_table":
		return 100
	case strings.HasSuffix(name, "_192"):
		return 200
	case strings.HasSuffix(name, "_256"):
		return 300
	}
	return 0
}

// slowToCompile are the files that take most of the time.
var slowToCompile = regexp.MustCompile("^attend.*_(192|256).cu$")

// multiprocessorRegisters is how many the threads of a block may have together.
const multiprocessorRegisters = 65536

// TestCompile compiles every file of kernels with NVRTC, without a device, and reads in the machine code
// what can be read there: that Go's arguments have the size of the kernel's, that threads are as many as
// it is compiled for, and that everything fits the registers.
func TestCompile(t *testing.T) {
	if os.Getenv("SPELL_NVRTC") == "" {
		t.Skip("SPELL_NVRTC names no NVRTC")
	}
	var files []string
	for _, e := range entries {
		if !slices.Contains(files, e.file) {
			files = append(files, e.file)
		}
	}
	for _, a := range architectures {
		if testing.Short() && a.name == "sm_90" {
			continue // it lies between the others
		}
		c, err := openCompiler("", a.capability)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		c.architecture = a.name
		for _, f := range files {
			if f == wgmmaFile && a.name != architecture(hopper) {
				continue
			}
			if testing.Short() && a.name != architecture(hopper) && slowToCompile.MatchString(f) {
				continue // the other architecture has them
			}
			t.Run(c.architecture+"/"+f, func(t *testing.T) { checkFile(t, c, f) })
		}
	}
}

// A compilation is what NVRTC made of a file for an architecture, and what it said.
type compilation struct {
	image []byte
	log   string
}

// compilations are those that tests have asked for, which take seconds each.
var compilations = map[[2]string]compilation{}

// compiled compiles a file once.
func compiled(c *compiler, file string) (image []byte, log string, err error) {
	key := [2]string{c.architecture, file}
	if made, ok := compilations[key]; ok {
		return made.image, made.log, nil
	}
	if image, log, err = c.compile(file); err == nil {
		compilations[key] = compilation{image, log}
	}
	return image, log, err
}

func checkFile(t *testing.T, c *compiler, file string) {
	image, log, err := compiled(c, file)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if log != "" {
		t.Errorf("NVRTC says of %s: %s", file, log)
	}
	list, err := readCubin(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.file != file {
			continue
		}
		k := list[e.name]
		if k == nil {
			t.Errorf("%s has no kernel %s", file, e.name)
			continue
		}
		delete(list, e.name)
		if k.args != e.args || k.threads != e.threads {
			t.Errorf("%s takes %d bytes and %d threads; Go has %d and %d", e.name, k.args, k.threads, e.args, e.threads)
		}
		if k.registers == 0 || k.registers*e.threads > multiprocessorRegisters {
			t.Errorf("%s: %d threads with %d registers each", e.name, e.threads, k.registers)
		}
		if n := k.opcodes[loadLocal] + k.opcodes[storeLocal]; n > stackBudget(e.name) {
			t.Errorf("%s: %d instructions for what does not fit the registers", e.name, n)
		}
		tensor := strings.HasPrefix(e.name, "matmul_") || strings.HasPrefix(e.name, "attend_wide") ||
			strings.HasPrefix(e.name, "attend_grad") && !strings.Contains(e.name, "f32")
		if tensor && (k.opcodes[tensorMultiply] == 0 || k.opcodes[loadMatrix] == 0) {
			t.Errorf("%s has no tensor core instructions", e.name)
		}
		if wide := tensor && !strings.Contains(e.name, "ragged"); wide && k.opcodes[copyAsync] == 0 {
			t.Errorf("%s copies nothing asynchronously", e.name)
		}
		if strings.HasPrefix(e.name, "wgmma_") && (k.opcodes[groupMultiply] == 0 || k.opcodes[loadBulk] == 0) {
			t.Errorf("%s has no products by warpgroups, or no bulk copies", e.name)
		}
		t.Logf("%-28s %3d registers, %6d bytes of shared memory, %5d matrix multiplications", e.name, k.registers,
			e.shared, k.opcodes[tensorMultiply]+k.opcodes[groupMultiply])
	}
	for name := range list {
		t.Errorf("%s has a kernel %s that Go does not know", file, name)
	}
}
