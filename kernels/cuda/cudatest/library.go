package cudatest

// Library returns the path of an emulated device's library, which is both its driver and its NVRTC, for
// programs other than tests: SPELL_CUDA_DRIVER and SPELL_NVRTC name it.
func Library(d Device) (string, error) { return build(d) }
