package rounds

import (
	"bufio"
	"fmt"
	"os"
)

// Resident is the anonymous memory of this process that is resident,
// in MiB; 0 where the system does not tell.
func Resident() float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kb float64
		if n, _ := fmt.Sscanf(s.Text(), "RssAnon: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}
