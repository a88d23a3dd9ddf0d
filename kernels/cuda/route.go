//go:build cuda && cgo && linux

package cuda

import (
	"unsafe"

	"spell/kernels"
	"spell/tensor"
)

var (
	routeKernel     = define[routeArgs]("route.cu", "route", rowThreads, 0)
	routeGradKernel = define[routeGradArgs]("route.cu", "route_grad", rowThreads, 0)
)

type routeArgs struct {
	weights, logits mat
	ids             uint64
	normalize, _    int32
}

// Route chooses experts for each row. It waits for the device.
func (b *Backend) Route(ids []int32, weights, logits tensor.Mat, normalize bool) {
	kernels.CheckRoute("Route", ids, weights, logits)
	a := routeArgs{weights: operand("Route", weights), logits: operand("Route", logits), normalize: flag(normalize)}
	if len(ids) == 0 {
		return
	}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&ids[0])), 4*len(ids))
	a.ids = b.scratchOf(len(raw))[0]
	launch(b, routeKernel, ceil(logits.Rows, rowWarps), a)
	b.fetch(raw, a.ids)
}

// flag returns a bool for a kernel.
func flag(v bool) int32 {
	if v {
		return 1
	}
	return 0
}

type routeGradArgs struct {
	dlogits, dweights, weights, logits mat
	ids                                uint64
	normalize, _                       int32
}

// RouteGrad computes the gradient of Route.
func (b *Backend) RouteGrad(dlogits, dweights, weights, logits tensor.Mat, ids []int32, normalize bool) {
	const op = "RouteGrad"
	kernels.CheckRoute(op, ids, weights, logits)
	kernels.CheckShape(op, "dweights", dweights, weights.Rows, weights.Cols)
	kernels.CheckShape(op, "dlogits", dlogits, logits.Rows, logits.Cols)
	kernels.CheckRows(op, ids, logits.Cols)
	a := routeGradArgs{dlogits: operand(op, dlogits), dweights: operand(op, dweights), weights: operand(op, weights),
		logits: operand(op, logits), normalize: flag(normalize)}
	b.reserve(4 * len(ids))
	a.ids = send(b, ids)
	launch(b, routeGradKernel, ceil(logits.Rows, rowWarps), a)
}
