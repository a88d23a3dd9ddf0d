//go:build !(cuda && cgo && linux)

package cuda

import (
	"errors"

	"spell/kernels"
)

// Open returns why there is no backend.
func Open(Options) (kernels.Backend, error) {
	return nil, absence{errors.New("this program was built without CUDA: build it on Linux with cgo and -tags cuda")}
}
