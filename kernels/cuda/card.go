package cuda

import (
	"fmt"
	"strings"

	"spell/kernels"
	"spell/kernels/tally"
	"spell/tensor"
)

// A sheet is a GPU as its maker's data sheet has it.
type sheet struct {
	name, full      string
	memory          int // MiB, as nvidia-smi has it
	capability      int
	multiprocessors int
	half, single    float64 // TFLOP/s: tensor cores on bf16 with sums in f32, without sparsity; f32
	bandwidth       float64 // GB/s
}

// sheets are those that can be planned for without one: numbers are of NVIDIA's data sheets and of its papers on
// the architectures.
var sheets = []sheet{
	{"a100-40", "NVIDIA A100 SXM 40GB", 40960, 80, 108, 312, 19.5, 1555},
	{"a100-80", "NVIDIA A100 SXM 80GB", 81920, 80, 108, 312, 19.5, 2039},
	{"h100", "NVIDIA H100 SXM 80GB", 81559, 90, 132, 989, 67, 3350},
	{"h200", "NVIDIA H200 SXM 141GB", 143771, 90, 132, 989, 67, 4800},
	{"l40s", "NVIDIA L40S 48GB", 46068, 89, 142, 362, 91.6, 864},
	{"rtx3090", "NVIDIA GeForce RTX 3090 24GB", 24576, 86, 82, 71, 35.6, 936},
	{"rtx4090", "NVIDIA GeForce RTX 4090 24GB", 24564, 89, 128, 165.2, 82.6, 1008},
}

// Cards lists the names that OnCard knows.
func Cards() string {
	names := make([]string, len(sheets))
	for i, c := range sheets {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// OnCard returns a backend without memory that has the sizes of a GPU of that name and the rates of its data sheet,
// to plan with.
func OnCard(name string) (kernels.Backend, error) {
	for i := range sheets {
		if sheets[i].name == strings.ToLower(name) {
			return &planned{tally.New(tally.Rates{}), &sheets[i]}, nil
		}
	}
	return nil, fmt.Errorf("--card %q is unknown; use one of %s", name, Cards())
}

// planned is a GPU that is not there.
type planned struct {
	*tally.Backend
	card *sheet
}

var _ kernels.DeviceMemory = (*planned)(nil)

// Name returns "cuda (NVIDIA L40S 48GB by its data sheet)", with the name of the card.
func (p *planned) Name() string { return fmt.Sprintf("cuda (%s by its data sheet)", p.card.full) }

// gpu returns what of the card sizes depend on.
func (p *planned) gpu() gpu {
	return gpu{multiprocessors: p.card.multiprocessors, warpgroups: p.card.capability == hopper}
}

// FreeBytes returns the memory of the card.
func (p *planned) FreeBytes() (int, error) { return p.card.memory << 20, nil }

// contextBytes is about what the driver's context takes of a GPU.
const contextBytes = 512 << 20

// OverheadBytes estimates what the driver takes.
func (p *planned) OverheadBytes() int { return contextBytes + overheadBytes }

// DeviceBytes returns the most that operations take beside arenas.
func (p *planned) DeviceBytes(s kernels.Sizes) (scratch, lists int) {
	return p.gpu().scratchBytes(s), p.gpu().listBytes(s)
}

// StreamBytes returns what the device holds of the host's matrices.
func (p *planned) StreamBytes() int { return slots * slotBytes(slabBytes) }

// Rates returns those of the data sheet, which are ceilings.
func (p *planned) Rates(s tally.Shape) tally.Rates {
	const tera = 1000 // GFLOP/s
	r := tally.Rates{Peak: tera * p.card.single, Read: p.card.bandwidth, Update: p.card.bandwidth}
	for k := range r.Flops {
		attention := tally.Kind(k) == tally.Attend || tally.Kind(k) == tally.AttendGrad
		if r.Flops[k] = tera * p.card.single; s.Act == tensor.BF16 && (attention || s.Weight == tensor.BF16) {
			r.Flops[k] = tera * p.card.half
		}
	}
	return r
}
