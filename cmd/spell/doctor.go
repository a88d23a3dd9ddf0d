package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"spell/kernels/open"
)

// A diagnosis is what doctor finds. What a machine does not tell is zero.
type diagnosis struct {
	Processor       string   `json:"processor"`
	PhysicalCores   int      `json:"physical_cores"`
	LogicalCores    int      `json:"logical_cores"`
	UsableCores     int      `json:"usable_cores"` // those the system lets this process run on
	InstructionSets []string `json:"instruction_sets"`
	Kernels         string   `json:"kernels"`
	Workers         int      `json:"workers"`
	PeakOne         float64  `json:"peak_gflops_one_worker"` // f32 fused multiply-adds
	PeakAll         float64  `json:"peak_gflops_all_workers"`
	ReadOne         float64  `json:"read_gb_per_s_one_worker"` // 10⁹ bytes
	ReadAll         float64  `json:"read_gb_per_s_all_workers"`
	Memory          int64    `json:"memory_bytes"`
	Available       int64    `json:"memory_available_bytes"`
	GPU             string   `json:"gpu"`
	System          string   `json:"system"`
	Go              string   `json:"go"`
}

func doctorCommand(e *engine) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Describe the machine and the kernels that will run on it",
		Long: "doctor names the processor, what of it the kernels use, and the rates that bound them, measured\n" +
			"now: other programs that run meanwhile lower them.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := diagnose(e)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(d)
			}
			return d.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func diagnose(e *engine) (*diagnosis, error) {
	b, _, err := e.open()
	if err != nil {
		return nil, err
	}
	defer b.Close()
	d := &diagnosis{
		Processor: cpuid.CPU.BrandName, PhysicalCores: cpuid.CPU.PhysicalCores, LogicalCores: cpuid.CPU.LogicalCores,
		UsableCores: runtime.NumCPU(), InstructionSets: instructionSets(),
		Kernels: b.Name(), Workers: e.workers, GPU: gpu(),
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	if d.Workers == 0 {
		d.Workers = runtime.GOMAXPROCS(0)
	}
	if p, ok := b.(interface{ PeakFMA(workers int) float64 }); ok {
		d.PeakOne, d.PeakAll = p.PeakFMA(1), p.PeakFMA(d.Workers)
	}
	d.Memory, d.Available = memory()
	d.ReadOne, d.ReadAll = readBandwidth(d.Workers, d.Available)
	return d, nil
}

// instructionSets are those of the processor's that matter to numerical kernels, used or not.
func instructionSets() []string {
	sets := []string{}
	for _, id := range []cpuid.FeatureID{
		cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.BMI2, cpuid.AVXVNNI,
		cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL,
		cpuid.AVX512VNNI, cpuid.AVX512BF16, cpuid.AVX512FP16, cpuid.AMXTILE, cpuid.AMXINT8, cpuid.AMXBF16,
		cpuid.ASIMD, cpuid.ASIMDHP, cpuid.ASIMDDP, cpuid.BF16, cpuid.SVE, cpuid.SVE2,
	} {
		if cpuid.CPU.Supports(id) {
			sets = append(sets, id.String())
		}
	}
	return sets
}

// gpu is the name of the GPU backend, or why there is none.
func gpu() string {
	const name = "cuda"
	b, err := open.Backend(open.Options{Name: name})
	if err != nil {
		why, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "--backend "+name+": "), ";")
		return "none: " + why
	}
	defer b.Close()
	return b.Name()
}

// memory is the machine's memory and what of it is free or can be freed, in bytes, as Linux
// tells; 0 elsewhere.
func memory() (total, available int64) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		field := strings.Fields(s.Text())
		if len(field) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(field[1], 10, 64)
		switch field[0] {
		case "MemTotal:":
			total = kib << 10
		case "MemAvailable:":
			available = kib << 10
		}
	}
	return total, available
}

// readBandwidth is how fast one worker, and all together, read memory beyond the caches, in
// 10⁹ bytes a second: the best of two passes.
//
// bytes.IndexByte is the fastest reader the standard library has on every processor; it goes to
// the end because the byte it looks for is not there.
func readBandwidth(workers int, available int64) (one, all float64) {
	size := 256 << 20
	if available > 0 {
		size = int(min(int64(size), available/4))
	}
	memory := make([]byte, size)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1 // a page never written would be read from the cache
	}
	rate := func(n int) float64 {
		best := 0.0
		for range 2 {
			start := time.Now()
			var group sync.WaitGroup
			for i := range n {
				part := memory[i*size/n : (i+1)*size/n]
				group.Go(func() { bytes.IndexByte(part, 2) })
			}
			group.Wait()
			best = max(best, float64(size)/time.Since(start).Seconds()/1e9)
		}
		return best
	}
	return rate(1), rate(workers)
}

// print writes the diagnosis as lines of a name and a value.
func (d *diagnosis) print(out io.Writer) error {
	known := func(ok bool, s string) string {
		if !ok {
			return "unknown"
		}
		return s
	}
	rates := func(one, all float64, unit string) string {
		if one == 0 {
			return "not measured: these kernels have no assembly on this processor"
		}
		return fmt.Sprintf("%.1f %s with one worker, %.1f with %d", one, unit, all, d.Workers)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"processor", known(d.Processor != "", d.Processor)},
		{"cores", fmt.Sprintf("%d usable, %s logical, %s physical", d.UsableCores,
			known(d.LogicalCores > 0, strconv.Itoa(d.LogicalCores)), known(d.PhysicalCores > 0, strconv.Itoa(d.PhysicalCores)))},
		{"instruction sets", known(len(d.InstructionSets) > 0, strings.Join(d.InstructionSets, " "))},
		{"kernels", fmt.Sprintf("%s, workers: %d", d.Kernels, d.Workers)},
		{"peak f32", rates(d.PeakOne, d.PeakAll, "GFLOP/s")},
		{"memory reads", rates(d.ReadOne, d.ReadAll, "GB/s")},
		{"memory", known(d.Memory > 0, fmt.Sprintf("%.1f GiB, %.1f GiB available", float64(d.Memory)/(1<<30), float64(d.Available)/(1<<30)))},
		{"GPU", d.GPU},
		{"system", d.System},
		{"Go", d.Go},
	} {
		fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
	}
	return w.Flush()
}
