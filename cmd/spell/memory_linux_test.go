package main

import (
	"path/filepath"
	"testing"
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
