package rounds

import (
	"fmt"
	"strconv"
	"strings"
)

// Numbers reads the value of a flag that is a list of numbers from 1 to most, with commas between.
func Numbers(name, list string, most int) (all []int, err error) {
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("-%s %s: %q is not a number between 1 and %d", name, list, s, most)
		}
		all = append(all, n)
	}
	return all, nil
}
