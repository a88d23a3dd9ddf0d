package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMemory: the tightest of the machine and of every control group above the process.
func TestMemory(t *testing.T) {
	const meminfo = "MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:    600 kB\n"
	for _, v := range []struct {
		name             string
		files            map[string]string
		total, available int64
	}{
		{"no group", nil, 1000 << 10, 600 << 10},
		{"version 2", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
			"sys/fs/cgroup/a/memory.max": "400000\n", "sys/fs/cgroup/a/memory.current": "150000\n",
			"sys/fs/cgroup/a/memory.stat": "anon 1\ninactive_file 50000\n"}, 400000, 300000},
		{"a parent that siblings fill", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "400000\n",
			"sys/fs/cgroup/a/b/memory.current": "0\n", "sys/fs/cgroup/a/memory.max": "500000\n", "sys/fs/cgroup/a/memory.current": "490000\n"}, 400000, 10000},
		{"in a container", map[string]string{"proc/self/cgroup": "0::/elsewhere\n", "sys/fs/cgroup/memory.max": "400000\n",
			"sys/fs/cgroup/memory.current": "100000\n"}, 400000, 300000},
		{"version 1", map[string]string{"proc/self/cgroup": "5:cpu:/x\n4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "500000",
			"sys/fs/cgroup/memory/x/memory.usage_in_bytes": "200000", "sys/fs/cgroup/memory/x/memory.stat": "total_inactive_file 100000"}, 500000, 400000},
		{"a limit above the machine's", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "9223372036854771712"}, 1000 << 10, 600 << 10},
		{"a full group", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "5000", "sys/fs/cgroup/memory.current": "5000"}, 5000, 1},
	} {
		root := t.TempDir()
		write(t, filepath.Join(root, "proc/meminfo"), meminfo)
		for name, text := range v.files {
			write(t, filepath.Join(root, name), text)
		}
		if total, available := memoryAt(root); total != v.total || available != v.available {
			t.Errorf("%s: %d bytes, %d available; want %d and %d", v.name, total, available, v.total, v.available)
		}
	}
	if total, available := memoryAt(t.TempDir()); total != 0 || available != 0 {
		t.Errorf("nothing told: %d and %d", total, available)
	}
}

// TestWithin: a limit of the process counts where it leaves less than the machine has.
func TestWithin(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name             string
		limits           []limit
		total, available int64 // of the machine
		wantTotal, want  int64
	}{
		{"none", nil, 8 * gib, 5 * gib, 8 * gib, 5 * gib},
		{"above the machine's", []limit{{most: 99 * gib}}, 8 * gib, 5 * gib, 8 * gib, 5 * gib},
		{"below it", []limit{{most: 4 * gib, used: gib}}, 8 * gib, 5 * gib, 4 * gib, 3*gib - heapStep},
		{"the tighter of two", []limit{{most: 4 * gib, used: gib}, {most: 3 * gib, used: 2 * gib}}, 8 * gib, 5 * gib, 3 * gib, gib - heapStep},
		{"a machine that does not tell", []limit{{most: 4 * gib, used: gib}}, 0, 0, 4 * gib, 3*gib - heapStep},
		{"nothing left", []limit{{most: gib, used: gib}}, 8 * gib, 5 * gib, gib, 1},
	} {
		if total, available := within(c.limits, c.total, c.available); total != c.wantTotal || available != c.want {
			t.Errorf("%s: %d bytes, %d available; want %d and %d", c.name, total, available, c.wantTotal, c.want)
		}
	}
}

// TestLimitedMemory: a limit on the memory of the process ends in the usual result or in one
// sentence.
func TestLimitedMemory(t *testing.T) {
	f := newFixture(t)
	generate := []string{"generate", "--model", f.dir, "--ids", "1", "--max-tokens", "3", "--json"}
	want := succeed(t, "", generate...)
	large := []string{"generate", "--model", f.dir, "--ids", "1", "--n", "60000", "--max-tokens", "90"}
	for _, c := range []struct {
		flag string
		room int // MiB beside what the program takes before it begins
		args []string
		says []string
	}{
		{"-v", 20, generate, []string{"ulimit -v limits the address space", "raise the limit"}},
		{"-v", 2000, generate, nil},
		{"-v", 2000, large, []string{"the run needs", "available (ulimit -v limits the address space to"}},
		{"-d", 20, generate, []string{"ulimit -d limits the data", "raise the limit"}},
		{"-d", 2000, generate, nil},
		{"-d", 2000, large, []string{"the run needs", "available (ulimit -d limits the data to"}},
	} {
		t.Run(fmt.Sprintf("%s %d", c.flag, c.room), func(t *testing.T) {
			child := command(t, "ulimit "+c.flag+" "+strconv.Itoa(c.room), c.args...)
			child.Run()
			o := child.result()
			if c.says != nil {
				o.fails(t, c.says...)
			} else if o.code != 0 || o.stderr != "" || o.out != want {
				t.Errorf("%+v", o)
			}
		})
	}
}

// limitMemory sets the limit that an environment's "ulimit -v 100" asks for, MiB above what the
// process has.
func limitMemory(flag, room string) {
	mib, err := strconv.Atoi(room)
	if err != nil {
		panic(err)
	}
	resource, field := unix.RLIMIT_AS, "VmSize:"
	if flag == "-d" {
		resource, field = unix.RLIMIT_DATA, "VmData:"
	}
	n := uint64(numbers("/proc/self/status")[field]<<10 + int64(mib)<<20)
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		panic(err)
	}
}

// TestStartThreads: the threads are there, and a C library's arenas have not taken the address
// space.
func TestStartThreads(t *testing.T) {
	if limits() != nil {
		t.Skip("the memory of this process is limited already")
	}
	threads := func() int64 { return numbers("/proc/self/status")["Threads:"] }
	before := threads()
	startThreads(runtime.GOMAXPROCS(0) + 9)
	if n := threads(); n < before || n < int64(runtime.GOMAXPROCS(0)+9) {
		t.Errorf("%d threads, %d before", n, before)
	}
}

func init() {
	limited = func(mode string) {
		if f := strings.Fields(mode); len(f) == 3 && f[0] == "ulimit" {
			limitMemory(f[1], f[2])
		}
	}
}
