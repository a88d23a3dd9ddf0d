// Package cudatest runs tests on an emulated device: it builds, with g++, a libcuda.so.1 of the
// emulator in kernels/cuda/testdata/emu and the kernels, and makes package cuda find it.
package cudatest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

// A Device says how the emulated device behaves.
type Device struct {
	// Checked looks at every access to memory: races, bounds, reads of what nobody wrote. It is
	// several times slower.
	Checked bool
	// Settings are more words of SPELL_EMULATOR, such as "order=random seed=3": see entry.cc.
	Settings string
	// Library says that there is a cublasLt, too.
	Library bool
	// Kernels are the paths of more files of kernels.
	Kernels []string
}

// built are the libraries of this run. Tests that change the environment are not parallel.
var built = map[string]string{}

// Use makes backends that the test opens run on the device.
func Use(tb testing.TB, d Device) {
	tb.Helper()
	key := fmt.Sprint(d.Checked, d.Kernels)
	library, ok := built[key]
	if !ok {
		var err error
		if library, err = build(d); err != nil {
			tb.Fatal(err)
		}
		built[key] = library
	}
	settings := d.Settings
	if d.Checked {
		settings += " check=1"
	}
	tb.Setenv("SPELL_CUDA_DRIVER", library)
	tb.Setenv("SPELL_NVRTC", library)
	tb.Setenv("SPELL_EMULATOR", settings)
	products := library
	if !d.Library {
		products = filepath.Join(tb.TempDir(), "none") // of this machine, if it has one
	}
	tb.Setenv("SPELL_CUBLASLT", products)
	tb.Setenv("XDG_CACHE_HOME", tb.TempDir()) // compiled kernels
}

// flags are g++'s for the emulator and the kernels. Kernels may not be contracted, as NVRTC does not.
var flags = []string{"-std=c++20", "-O2", "-march=native", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden",
	"-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"}

// checkedFlags make kernels report their accesses.
var checkedFlags = []string{"-fsanitize=thread", "--param", "tsan-instrument-func-entry-exit=0"}

// caches is the user's folder, before Use names another.
var caches, cacheErr = os.UserCacheDir()

// build returns the path of the library. It and the objects that it is linked from are kept from one
// run to the next, under the hash of what they are made from.
func build(d Device) (string, error) {
	_, file, _, _ := runtime.Caller(0)
	cuda := filepath.Dir(filepath.Dir(file))
	emulator := filepath.Join(cuda, "testdata", "emu")
	var sources []string
	for _, pattern := range []string{filepath.Join(cuda, "*.cu"), filepath.Join(emulator, "*.cc")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		sources = append(sources, found...)
	}
	sources = append(sources, d.Kernels...)
	if cacheErr != nil {
		return "", cacheErr
	}
	folder := filepath.Join(caches, "spell", "emulator")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", err
	}
	objects, errs := make([]string, len(sources)), make([]error, len(sources))
	var wg sync.WaitGroup
	places := make(chan bool, runtime.GOMAXPROCS(0))
	for i, s := range sources {
		args := slices.Concat(flags, []string{"-I" + cuda, "-I" + emulator, "-x", "c++", "-c", s})
		if d.Checked && strings.HasSuffix(s, ".cu") {
			args = append(args, checkedFlags...)
		}
		wg.Go(func() {
			places <- true
			defer func() { <-places }()
			objects[i], errs[i] = product(folder, ".o", args, included(s, cuda, emulator))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return product(folder, ".so", append([]string{"-shared", "-Wl,-Bsymbolic"}, objects...), objects)
}

var includes = regexp.MustCompile(`(?m)^#include "(.*)"`)

// included returns the file and what it includes from the folders.
func included(file string, folders ...string) []string {
	files := []string{file}
	for i := 0; i < len(files); i++ {
		text, _ := os.ReadFile(files[i]) // product says what fails
		for _, m := range includes.FindAllStringSubmatch(string(text), -1) {
			for _, folder := range folders {
				path := filepath.Join(folder, m[1])
				if _, err := os.Stat(path); err == nil && !slices.Contains(files, path) {
					files = append(files, path)
				}
			}
		}
	}
	return files
}

// product returns the path of what g++ makes with the arguments from the files, in the folder.
func product(folder, ext string, args, files []string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, args, cpuid.CPU.BrandName)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", fmt.Errorf("the emulated device cannot be built: %w", err)
		}
		fmt.Fprintln(h, filepath.Base(f), len(text))
		h.Write(text)
	}
	path := filepath.Join(folder, fmt.Sprintf("%.12x%s", h.Sum(nil), ext))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(temp)
	args = append(args, "-o", temp)
	if out, err := exec.Command("g++", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("the emulated device cannot be built: g++ %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return path, os.Rename(temp, path)
}
