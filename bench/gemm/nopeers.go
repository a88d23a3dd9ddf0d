//go:build !(peers && cgo && linux)

package main

// peers is what a build without them has: gonum remains.
type peers struct{}

func openPeers(map[string]string) *peers { return nil }

func (*peers) notes() []string {
	return []string{"OpenBLAS, BLIS and oneDNN are absent from this build. To have them, on Linux, install them " +
		"(Debian: apt-get install gcc libopenblas0 libblis4 libdnnl-dev) " +
		"and build with cgo: CGO_ENABLED=1 go run -tags peers ./bench/gemm"}
}

func (*peers) setThreads(int) {}

func (*peers) engines(*problem) []*engine { return nil }

// peakBF16 needs the tag, too.
func peakBF16(int) float64 { return 0 }
