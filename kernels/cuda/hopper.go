//go:build cuda && cgo && linux

package cuda

// #include "driver.h"
import "C"

// hasWarpgroups reports whether the kernels of wgmmaFile run: on an sm_90, with a driver that knows it.
func (d *device) hasWarpgroups() bool {
	return d.capability() == hopper && C.cuda_has_tensor_maps(d.c) != 0
}

// A groupTiling is a kernel whose warpgroups multiply.
type groupTiling struct {
	*kernel[wgmmaArgs]
	tile
}

// wgmmaArgs is struct WgmmaArgs of wgmma.h.
type wgmmaArgs struct {
	a, b tensorMap
	p    productArgs
	_    [6]uint64 // to a multiple of 64 bytes
}

// Of wgmma.h.
const (
	wgmmaFile    = "wgmma.cu"
	wgmmaThreads = 384
	wgmmaDown    = 128 // groupTile.down
	wgmmaDepth   = 64
	wgmmaDesks   = wgmmaDown * (32 + 8) * 4 // bytes
)

func defineGroupTiling(name string, across, stages int) groupTiling {
	shared := stages*(wgmmaDown+across)*wgmmaDepth*2 + wgmmaDesks + stages*2*8
	return groupTiling{define[wgmmaArgs](wgmmaFile, name, wgmmaThreads, shared),
		tile{wgmmaDown, across, groupTile.perProcessor}}
}

// wgmma are the tilings of each form, the fastest first if there are tiles enough.
var wgmma = [...][2]groupTiling{
	{defineGroupTiling("wgmma_forward_wide", groupTile.across, 4), defineGroupTiling("wgmma_forward_narrow", 128, 6)},
	{defineGroupTiling("wgmma_grad_x_wide", groupTile.across, 4), defineGroupTiling("wgmma_grad_x_narrow", 128, 6)},
	{defineGroupTiling("wgmma_grad_w_wide", groupTile.across, 4), defineGroupTiling("wgmma_grad_w_narrow", 128, 6)},
}

// warpgroups returns the tilings that can compute p. Boxes do not end where groups do: so the sum of a group
// must not, either, within a box.
func (b *Backend) warpgroups(p *product) []groupTiling {
	if !b.device.hasWarpgroups() || p.k == 0 {
		return nil
	}
	if p.ends != nil && (p.form == gradW || p.form == gradX && p.k%wgmmaDepth != 0) {
		return nil
	}
	return wgmma[p.form][:]
}

func (t groupTiling) called() string { return t.name }

func (t groupTiling) multiply(b *Backend, p *product) {
	x, y := box{m: p.a, rows: p.m, cols: p.k, lines: t.down}, box{m: p.b, rows: int(p.b.rows), cols: p.k,
		lines: t.across}
	if p.form != forward {
		y.cols, y.lines = p.n, wgmmaDepth
	}
	if p.form == gradW {
		x.rows, x.cols, x.lines = p.k, p.m, wgmmaDepth
	}
	a := wgmmaArgs{a: b.tensorMap(x), b: b.tensorMap(y), p: b.arrange(p, t.tile)}
	launch(b, t.kernel, int(a.p.blocks), a)
}

// A box is what a tensor map is of: the first rows and columns of m, in boxes of that many lines.
type box struct {
	m                 mat
	rows, cols, lines int
}

// A tensorMap is struct TensorMap of hopper.h.
type tensorMap C.tensor_map

// maxMaps is how many tensor maps are kept.
const maxMaps = 4096

// tensorMap returns the map of o, of which kernels with the same operands share one.
func (b *Backend) tensorMap(o box) tensorMap {
	if m, ok := b.maps[o]; ok {
		return m
	}
	var m C.tensor_map
	b.must(b.device.failure(C.cuda_tensor_map(b.device.c, C.uint64_t(o.m.at), C.uint64_t(o.rows), C.uint64_t(o.cols),
		C.uint64_t(2*o.m.stride), C.uint(o.lines), &m), "of [%d, %d] in boxes of %d lines", o.rows, o.cols, o.lines))
	if len(b.maps) == maxMaps {
		clear(b.maps)
	}
	b.maps[o] = tensorMap(m)
	return b.maps[o]
}
