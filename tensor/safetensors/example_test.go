package safetensors_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"spell/tensor"
	"spell/tensor/safetensors"
)

// Tensors are written in any type and read in any other.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")

	weights := []float32{0.5, -1, 3.1415926, 4, 5, 6}
	err = safetensors.Write(path, map[string]string{"format": "pt"}, []safetensors.Tensor{
		safetensors.FromSlice("layer.weight", tensor.BF16, []int{2, 3}, weights),
		safetensors.FromSlice("layer.bias", tensor.F32, []int{2}, []float32{0, 1}),
	})
	if err != nil {
		log.Fatal(err)
	}

	file, err := safetensors.Open(path) // maps the file; nothing is read before it is asked for
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for _, name := range file.Names() {
		info, _ := file.Info(name)
		fmt.Println(name, info.DType, info.Shape)
	}
	back := make([]float64, 6)
	if err := safetensors.Read(file, "layer.weight", back); err != nil {
		log.Fatal(err)
	}
	fmt.Println(back)
	// Output:
	// layer.bias F32 [2]
	// layer.weight BF16 [2 3]
	// [0.5 -1 3.140625 4 5 6]
}
