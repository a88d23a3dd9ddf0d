package tensor

import "golang.org/x/sys/unix"

// advise asks for large pages if an arena has room for some: matrices are walked by column blocks,
// which touch a small page per row. It is a hint; a kernel without them refuses.
func advise(b []byte) {
	if len(b) >= 1<<22 {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	}
}
