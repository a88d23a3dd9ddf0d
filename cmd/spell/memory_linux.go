package main

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memory returns the machine's memory and what of it is free or can be freed, in bytes; less if the
// control group of this process or its own limits allow less, 0 if nothing tells.
func memory() (total, available int64) {
	total, available = memoryAt("/")
	return within(limits(), total, available)
}

// memoryAt returns the memory of a system whose files lie under root.
func memoryAt(root string) (total, available int64) {
	fields := numbers(filepath.Join(root, "proc/meminfo"))
	total, available = fields["MemTotal:"]<<10, fields["MemAvailable:"]<<10
	raw, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(raw)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) < 3 {
			continue
		}
		dir := filepath.Join(root, "sys/fs/cgroup")
		limit, usage, cache := "memory.max", "memory.current", "inactive_file"
		if part[1] != "" { // version 1
			if part[1] != "memory" {
				continue
			}
			dir = filepath.Join(dir, "memory")
			limit, usage, cache = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		}
		// A container sees its own group as the root. Every group above limits, too.
		for at := filepath.Clean("/" + part[2]); ; at = filepath.Dir(at) {
			group := filepath.Join(dir, at)
			if most := number(filepath.Join(group, limit)); most > 0 {
				if total == 0 || most < total {
					total = most
				}
				// A group with more room may be the fuller one, with the memory of others in it.
				free := most - number(filepath.Join(group, usage)) + numbers(filepath.Join(group, "memory.stat"))[cache]
				if free = max(free, 1); available == 0 || free < available { // 0 would be unknown
					available = free
				}
			}
			if at == "/" {
				break
			}
		}
	}
	return total, available
}

// within lowers a machine's memory to the limits of a process.
func within(list []limit, total, available int64) (int64, int64) {
	for _, l := range list {
		if total == 0 || l.most < total {
			total = l.most
		}
		if free := max(l.room()-heapStep, 1); available == 0 || free < available { // 0 would be unknown
			available = free
		}
	}
	return total, available
}

// number returns the number that a file holds; 0 if there is none, as in the limit "max".
func number(path string) int64 {
	raw, _ := os.ReadFile(path)
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil || n == math.MaxInt64 {
		return 0
	}
	return n
}

// numbers returns the lines of a file that are a name and a number.
func numbers(path string) map[string]int64 {
	list := map[string]int64{}
	f, err := os.Open(path)
	if err != nil {
		return list
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if field := strings.Fields(s.Text()); len(field) >= 2 {
			list[field[0]], _ = strconv.ParseInt(field[1], 10, 64)
		}
	}
	return list
}
