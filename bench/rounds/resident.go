package rounds

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

// Resident is the anonymous memory of this process that is resident,
// in MiB; 0 where the system does not tell.
func Resident() float64 { return field("/proc/self/status", "RssAnon") }

// Available is the memory of the machine that is free or can be freed, in MiB; 0 where the system
// does not tell.
func Available() float64 { return field("/proc/meminfo", "MemAvailable") }

// Watch looks at Resident a hundred times a second, until highest is called, which is the most it saw.
// Pages of files that are mapped are not in it; the system's own mark, VmHWM, has them.
func Watch() (highest func() float64) {
	end, most := make(chan struct{}), make(chan float64)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for top := Resident(); ; top = max(top, Resident()) {
			select {
			case <-tick.C:
			case <-end:
				most <- max(top, Resident())
				return
			}
		}
	}()
	return func() float64 { close(end); return <-most }
}

// field is the number of kB in a line of a file of the system, in MiB; 0 if there is none.
func field(path, name string) float64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kb float64
		if n, _ := fmt.Sscanf(s.Text(), name+": %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}
