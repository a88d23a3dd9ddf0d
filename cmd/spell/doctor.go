package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"spell/kernels"
	"spell/kernels/open"
	"spell/rl/budget"
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
	UpdateOne       float64  `json:"update_gb_per_s_one_worker"` // read and written in place, each byte counted twice
	UpdateAll       float64  `json:"update_gb_per_s_all_workers"`
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
		Example: "  spell doctor\n  spell doctor --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := diagnose(e)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), d)
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
	d.Memory, d.Available = memory()
	if m, ok := b.(kernels.Meter); ok {
		d.PeakOne = m.PeakFMA(1)
		if d.PeakAll = d.PeakOne; d.Workers > 1 {
			d.PeakAll = m.PeakFMA(d.Workers)
		}
		size := 512 << 20
		if d.Available > 0 {
			size = int(min(int64(size), d.Available/4))
		}
		d.ReadOne, d.UpdateOne = m.Bandwidth(1, size)
		if d.ReadAll, d.UpdateAll = d.ReadOne, d.UpdateOne; d.Workers > 1 {
			d.ReadAll, d.UpdateAll = m.Bandwidth(d.Workers, size)
		}
	}
	return d, nil
}

// instructionSets returns the processor's sets that matter to numerical kernels, used or not.
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

// gpu describes the GPU and what runs on it, or says why there is none.
func gpu() string {
	const name = "cuda"
	b, err := open.Backend(open.Options{Name: name})
	if err != nil {
		why, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "--backend "+name+": "), ";")
		return "none: " + why
	}
	defer b.Close()
	if d, ok := b.(kernels.Describer); ok {
		if text, err := d.Describe(); err == nil {
			return text
		}
	}
	return b.Name()
}

// print writes the diagnosis as lines of a name and a value.
func (d *diagnosis) print(out io.Writer) error {
	count := func(n int) string {
		if n <= 0 {
			return known("")
		}
		return strconv.Itoa(n)
	}
	memory := ""
	if d.Memory > 0 {
		memory = fmt.Sprintf("%s, %s available%s", budget.Bytes(d.Memory), budget.Bytes(d.Available), budget.Limit)
	}
	return printTable(out, [][2]string{
		{"processor", known(d.Processor)},
		{"cores", fmt.Sprintf("%d usable, %s logical, %s physical",
			d.UsableCores, count(d.LogicalCores), count(d.PhysicalCores))},
		{"instruction sets", known(strings.Join(d.InstructionSets, " "))},
		{"kernels", fmt.Sprintf("%s, workers: %d", d.Kernels, d.Workers)},
		{"peak f32", d.rates(d.PeakOne, d.PeakAll, "GFLOP/s")},
		{"memory reads", d.rates(d.ReadOne, d.ReadAll, "GB/s")},
		{"memory updates", d.rates(d.UpdateOne, d.UpdateAll, "GB/s")},
		{"memory", known(memory)},
		{"GPU", d.GPU},
		{"system", d.System},
		{"Go", d.Go},
	})
}

// rates writes a rate with one worker and, if there are more, with all.
func (d *diagnosis) rates(one, all float64, unit string) string {
	switch {
	case one == 0:
		return "not measured" // plain Go, a GPU, or too little memory
	case d.Workers == 1:
		return fmt.Sprintf("%.1f %s", one, unit)
	}
	return fmt.Sprintf("%.1f %s with one worker, %.1f with %d", one, unit, all, d.Workers)
}
