//go:build cuda && cgo && linux

package cuda

import (
	commandline "flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

var update = commandline.Bool("update", false, "write bounds.md anew")

// A card is a GPU's rates: dense bf16 by the fastest instruction, the clocks that a tensor core of a
// multiprocessor's quarter takes for an m16n8k16 by mma.sync, the share of the fastest that this is, f32, and
// memory as a copy reaches it. Some have wgmma.
type card struct {
	name                             string
	tensor, clocks, mma, f32, memory float64
	groups                           bool
}

var cards = []card{
	{name: "H100 SXM", tensor: 989e12, clocks: 6.4, mma: 0.63, f32: 67e12, memory: 3.0e12, groups: true},
	{name: "H200", tensor: 989e12, clocks: 6.4, mma: 0.63, f32: 67e12, memory: 4.3e12, groups: true},
	{name: "RTX 4090", tensor: 165e12, clocks: 32, mma: 1, f32: 82.6e12, memory: 0.92e12},
}

// The shape is Qwen2.5-1.5B's, with so many tokens of a prompt in a pass and answers in a decode step.
const (
	boundRows, boundAnswers, boundKeys    = 4096, 64, 16384
	boundHidden, boundFF, boundVocab      = 1536, 8960, 151936
	boundHeads, boundKVHeads, boundDim    = 12, 2, 128
	boundWeights, sharedBytes, overlapped = 1.54e9, 128, 0.9
)

// A bound is an operation at the shape. Those that multiply have a loop with the opcode; of what memory
// bounds the expected share is given.
type bound struct {
	operation, size string
	kernel          string
	tile            string
	flops, bytes    float64
	how             string
	opcode          int
	share           float64
}

// bounds lists the operations.
func bounds() []bound {
	n, h, ff, v := float64(boundRows), float64(boundHidden), float64(boundFF), float64(boundVocab)
	a, keys := float64(boundAnswers), float64(boundKeys)
	heads, kv := float64(boundHeads*boundDim), float64(boundKVHeads*boundDim)
	pairs := keys * (keys + 1) / 2
	product := func(op, kernel string, size float64, how string) bound {
		return bound{operation: op, size: "4096 × 8960 × 1536", kernel: kernel, tile: "128 × 128 × 32, 4 stages",
			flops: 2 * n * ff * h, bytes: size, how: "2·n·ff·h; " + how, opcode: tensorMultiply}
	}
	byGroups := func(op, kernel string, size float64, how string) bound {
		b := product(op+", wgmma", kernel, size, how)
		b.tile, b.opcode = "128 × 256 × 64, 4 stages", groupMultiply
		return b
	}
	moved := func(op, size, kernel, tile string, bytes float64, how string) bound {
		return bound{operation: op, size: size, kernel: kernel, tile: tile, bytes: bytes, how: how, share: 0.85}
	}
	return []bound{
		product("MatMul", "matmul_large", 2*(n*h+ff*h+n*ff), "2·(n·h + ff·h + n·ff)"),
		product("MatMulGradX", "matmul_grad_x_large", 2*(n*ff+ff*h)+4*n*h, "2·(n·ff + ff·h) + 4·n·h"),
		product("MatMulGradW", "matmul_grad_w_large", 2*(n*ff+n*h)+8*ff*h, "2·(n·ff + n·h) + 8·ff·h"),
		byGroups("MatMul", "wgmma_forward_wide", 2*(n*h+ff*h+n*ff), "2·(n·h + ff·h + n·ff)"),
		byGroups("MatMulGradX", "wgmma_grad_x_wide", 2*(n*ff+ff*h)+4*n*h, "2·(n·ff + ff·h) + 4·n·h"),
		byGroups("MatMulGradW", "wgmma_grad_w_wide", 2*(n*ff+n*h)+8*ff*h, "2·(n·ff + n·h) + 8·ff·h"),
		{operation: "MatMul, decode", size: "64 × 8960 × 1536", kernel: "matmul_small", tile: "64 × 64 × 32, 3 stages",
			flops: 2 * a * ff * h, bytes: 2 * (ff*h + a*h + a*ff), how: "2·a·ff·h; 2·(ff·h + a·h + a·ff)",
			opcode: tensorMultiply},
		{operation: "MatMul, one answer", size: "1 × 8960 × 1536", kernel: "matmul_few", tile: "32 × 16 × 32, 6 stages",
			flops: 2 * ff * h, bytes: 2 * (ff*h + h + ff), how: "2·ff·h; 2·(ff·h + h + ff)", opcode: tensorMultiply},
		{operation: "MatMul, f32", size: "4096 × 8960 × 1536", kernel: "fma_forward_large", tile: "128 × 128 × 16",
			flops: 2 * n * ff * h, bytes: 4 * (n*h + ff*h + n*ff), how: "2·n·ff·h; 4·(n·h + ff·h + n·ff)",
			opcode: fusedAdd},
		{operation: "Attend", size: "16,384 tokens, causal", kernel: "attend_wide_128", tile: "64 pairs, 64 keys",
			flops: 4 * pairs * heads, bytes: 2*keys*(2*heads+2*kv) + 4*keys*boundHeads,
			how: "4·t(t+1)/2·1536; 2·t·(2·1536 + 2·256) + 4·t·12", opcode: tensorMultiply},
		{operation: "AttendGrad, dQ", size: "the same", kernel: "attend_grad_q_wide_128", tile: "64 pairs, 64 keys",
			flops: 6 * pairs * heads, bytes: 2*keys*(2*heads+2*kv) + 4*keys*heads,
			how: "6·t(t+1)/2·1536; 2·t·(2·1536 + 2·256) + 4·t·1536", opcode: tensorMultiply},
		{operation: "AttendGrad, dK", size: "the same", kernel: "attend_grad_k_wide_128", tile: "64 keys, 64 pairs",
			flops: 6 * pairs * heads, bytes: 2*keys*(2*heads+2*kv) + 8*keys*kv,
			how: "6·t(t+1)/2·1536; 2·t·(2·1536 + 2·256) + 8·t·256", opcode: tensorMultiply},
		{operation: "AttendGrad, dV", size: "the same", kernel: "attend_grad_v_wide_128", tile: "64 keys, 64 pairs",
			flops: 4 * pairs * heads, bytes: 2*keys*(2*heads+kv) + 8*keys*kv,
			how: "4·t(t+1)/2·1536; 2·t·(2·1536 + 256) + 8·t·256", opcode: tensorMultiply},
		moved("Attend, decode", "64 rows after 16,384 shared keys", "attend_wide_128", "a run of 512 keys", 4*keys*kv,
			"4·t·256"),
		{operation: "LogProb", size: "4096 × 151,936 × 1536", kernel: "matmul_large", tile: "as MatMul; logits in memory",
			flops: 2 * n * v * h, bytes: 2*(n*h+2*v*h) + 8*n*v, how: "2·n·v·h; 2·(n·h + 2·v·h) + 8·n·v",
			opcode: tensorMultiply},
		moved("RMSNorm", "4096 × 1536", "rms_norm_block", "a row", 4*n*h, "4·n·h"),
		moved("RMSNormGrad", "4096 × 1536", "rms_norm_grad_block", "a row", 12*n*h, "12·n·h"),
		moved("SwiGLU", "4096 × 8960", "swiglu", "8 elements a thread", 6*n*ff, "6·n·ff"),
		moved("SwiGLUGrad", "4096 × 8960", "swiglu_grad", "8 elements a thread", 10*n*ff, "10·n·ff"),
		moved("Rope", "4096 × 1536", "rope", "8 elements a thread", 4*n*heads+4*n*boundDim, "4·n·1536 + 4·n·128"),
		moved("AdamW", "1.54 billion weights", "adamw", "1024 columns of a row", 30*boundWeights,
			"30 a weight: gradient 4, master and two moments read and written 24, bf16 2"),
		moved("SumSquares", "1.54 billion gradients", "sum_squares", "1024 elements", 4*boundWeights, "4 a weight"),
	}
}

// fusedAdd is FFMA of registers alone.
const fusedAdd = 0x223

// expect returns the seconds that memory or arithmetic take at least, and the part of the bound that the
// loop leaves: of its tensor cores' time, 90 % if neither issue nor shared memory takes longer.
func (c *card) expect(b *bound, l *loop) (seconds, share float64, by string) {
	arithmetic, memory := b.flops/c.tensor, b.bytes/c.memory
	if b.opcode == fusedAdd {
		arithmetic = b.flops / c.f32
	}
	if memory >= arithmetic {
		share = b.share
		if share == 0 {
			share = 0.75
		}
		return memory, share, "memory"
	}
	if b.opcode == fusedAdd {
		return arithmetic, overlapped * float64(l.opcodes[fusedAdd]) / float64(l.instructions()), "multiply-adds"
	}
	if b.opcode == groupMultiply {
		tensor, cache := groupLoads(l)
		return arithmetic, overlapped * tensor / math.Max(tensor, cache), "tensor cores"
	}
	tensor, issue, shared := loads(c, l)
	return arithmetic, overlapped * c.mma * tensor / math.Max(tensor, math.Max(issue, shared)), "tensor cores"
}

// loads returns the clocks that a turn of the loop takes a warp's quarter of a multiprocessor: by its tensor
// core, by issue, and by shared memory, of which four quarters share 128 bytes a clock.
func loads(c *card, l *loop) (tensor, issue, shared float64) {
	moved := 512 * float64(l.opcodes[loadMatrix]+l.opcodes[copyAsync])
	return c.clocks * float64(l.opcodes[tensorMultiply]), float64(l.instructions()), 4 * moved / sharedBytes
}

// groupLoads returns the clocks that a stage of wgmma.h takes a multiprocessor: by its tensor cores, which do
// 4096 operations a clock, and by the way from the second cache, which carries 64 bytes.
func groupLoads(l *loop) (tensor, cache float64) {
	const down, across, depth = wgmmaDown, 256, 16
	return float64(l.opcodes[groupMultiply]) * 2 * down * across * depth / 4096,
		2 * (down + across) * wgmmaDepth / 64
}

// TestBounds: bounds.md is what the kernels, compiled for sm_90, and the sizes say.
func TestBounds(t *testing.T) {
	if os.Getenv("SPELL_NVRTC") == "" {
		t.Skip("SPELL_NVRTC names no NVRTC")
	}
	c, err := openCompiler("", 90)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	text, err := boundsText(c)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("bounds.md", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("bounds.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(have), "\n")
	for i, line := range strings.Split(text, "\n") {
		if i >= len(lines) || lines[i] != line {
			t.Fatalf("bounds.md is not what the kernels say, in line %d:\n%s\nrun this test with -update", i+1, line)
		}
	}
	if string(have) != text {
		t.Error("bounds.md has more than the kernels say: run this test with -update")
	}
}

// boundsText returns the document.
func boundsText(c *compiler) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, boundsIntroduction, c.version)
	var second strings.Builder
	images := map[string][]byte{}
	kernels := map[string]map[string]*cubinKernel{}
	for _, o := range bounds() {
		var e *entry
		for _, other := range entries {
			if other.name == o.kernel {
				e = other
			}
		}
		if e == nil {
			return "", fmt.Errorf("no kernel %s", o.kernel)
		}
		if images[e.file] == nil {
			image, _, err := compiled(c, e.file)
			if err != nil {
				return "", err
			}
			images[e.file] = image
			if kernels[e.file], err = readCubin(image); err != nil {
				return "", err
			}
		}
		k := kernels[e.file][e.name]
		loopText, l := "–", &loop{opcodes: map[int]int{}}
		if o.opcode != 0 {
			var err error
			if l, err = mainLoop(images[e.file], e.name, o.opcode); err != nil {
				return "", err
			}
			loopText = fmt.Sprintf("%d: %d, %d, %d", l.instructions(), l.opcodes[o.opcode], l.opcodes[loadMatrix],
				l.opcodes[copyAsync])
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %d | %d | %.1f | %s |\n", o.operation, o.size, o.kernel, o.tile,
			e.threads, k.registers, float64(e.shared)/1024, loopText)
		fmt.Fprintf(&second, "| %s | %s | %s | %s |", o.operation, gigas(o.flops), gigas(o.bytes), o.how)
		for i := range cards {
			if o.opcode == groupMultiply && !cards[i].groups {
				second.WriteString(" – |")
				continue
			}
			s, share, by := cards[i].expect(&o, l)
			fmt.Fprintf(&second, " %s, %s, %.0f %% |", duration(s), by, 100*share)
		}
		fmt.Fprintf(&second, " owed |\n")
	}
	b.WriteString(boundsSecond)
	b.WriteString(second.String())
	return b.String(), nil
}

func gigas(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.4g", v/1e9)
}

func duration(s float64) string {
	if s < 1e-3 {
		return fmt.Sprintf("%.3g µs", 1e6*s)
	}
	return fmt.Sprintf("%.3g ms", 1e3*s)
}

const boundsIntroduction = `# Bounds of the kernels

What machine code and sizes say of the kernels; nothing here has been timed. Written by
` + "`SPELL_NVRTC=… go test -tags cuda -run TestBounds ./kernels/cuda -update`" + `, from the
kernels as NVRTC %s compiles them for sm_90, at the shape of Qwen2.5-1.5B: h = 1536, ff = 8960,
v = 151,936, 12 heads of 128 over 2 of keys; n = 4096 tokens in a pass, a = 64 answers, t = 16,384
tokens of a prompt.

Registers are a thread's, shared memory a block's, in KB. The main loop is that of most multiplications:
the instructions between its ends, and of them those that multiply (m16n8k16 by a tensor core, m64n256k16 by
wgmma, FFMA in f32), that load matrices from shared memory (ldmatrix) and that copy to it (cp.async, 16
bytes a lane; of wgmma a warpgroup of its own copies).
Branches that are seldom taken count as well, such as the end of a run, and loops inside count once.

| operation | size | kernel | tile | threads | registers | shared memory | main loop |
|---|---|---|---|---|---|---|---|
`

const boundsSecond = `
The bound is the longer of arithmetic and of memory, each operand read once. Arithmetic is 989 TFLOP/s of
bf16 on the H100 and H200, 165 on the RTX 4090 with sums in f32 (67 and 82.6 of f32); memory is what
copies reach, 3.0, 4.3 and 0.92 TB/s. The share of it that is expected follows from the main loop, counted
as above. A quarter of a multiprocessor takes 6.4 clocks for an m16n8k16 by mma.sync (0.63 of the 989;
the RTX 4090 takes 32), one for each instruction, and it has a quarter of 128 bytes of shared memory a
clock, of which ldmatrix and cp.async move 512 a warp each: 4 × 512/128 = 16 clocks. Of the longest of
the three 90 % is expected, the rest going to beginnings and ends of tiles. By wgmma a multiprocessor does
4096 operations a clock, a stage's in 1024, while its 48 KB need 768 from the second cache at 64 bytes a
clock: 90 % as well, if power allows; of large products, datasheets' 989 TFLOP/s are 700 to 800 in practice.
Of memory 85 % is expected
where a kernel only moves, 75 % where it multiplies, too.

TestCounts has the emulated device count at a small shape what the columns GFLOP and GB compute: it finds as many
operations of tensor cores, and that threads ask for each byte, of which caches serve the rest, 2.9 times in
MatMul by tiles of 64 × 64, 2.3 in MatMulGradX, 1.9 in MatMulGradW, 5.4 in Attend after 512 keys, 1.8 in LogProb and
Rope, 2 in RMSNorm, and once in SwiGLU, its gradient, AdamW and SumSquares.

| operation | GFLOP | GB | how (FLOP; bytes) | H100 SXM | H200 | RTX 4090 | measured |
|---|---|---|---|---|---|---|---|
`
