package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/model"
	"spell/model/train"
	"spell/tensor/safetensors"
)

// tiny is a model of the family that the peer knows.
var tiny = model.Config{Family: "llama", Vocab: 64, Hidden: 32, FF: 48, Layers: 2, Heads: 2, KVHeads: 2, HeadDim: 16,
	Tied: true, NormEps: 1e-6, Context: 64, Rope: model.Rope{Theta: 1e4, Type: "default"}, BOS: -1, EOS: []int32{0}}

// TestExchange reads back what the peer reads.
func TestExchange(t *testing.T) {
	k, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	batches := source(tiny.Vocab, 3, 2, 8)
	m, err := fresh(k, tiny, model.BF16, batches) // whose master copies are what is written
	if err != nil {
		t.Fatal(err)
	}
	defer m.free()
	dir := t.TempDir()
	if err := writeExchange(filepath.Join(dir, "model.safetensors"), k, m.weights, batches, optim); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.OpenModel(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, ok := f.Info("tokens")
	if !ok || info.DType != "I32" || !slices.Equal(info.Shape, []int{3, 2, 8}) {
		t.Errorf("tokens are %+v, want I32 [3 2 8]", info)
	}
	raw, at := f.Bytes("tokens"), 0
	for _, rows := range batches {
		for _, ids := range rows {
			for _, id := range ids {
				if got := int32(binary.LittleEndian.Uint32(raw[at:])); got != id {
					t.Fatalf("token %d is %d, want %d", at/4, got, id)
				}
				at += 4
			}
		}
	}
	for _, p := range m.weights.Params {
		want := make([]float32, p.Rows*p.Cols)
		kernels.Download(k, want, p.Master)
		raw := f.Bytes(p.Name)
		if len(raw) != 4*len(want) {
			t.Fatalf("%s has %d bytes, want %d", p.Name, len(raw), 4*len(want))
		}
		for i, v := range want {
			if got := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])); got != v {
				t.Fatalf("%s, element %d: %v, want %v", p.Name, i, got, v)
			}
		}
	}
	head, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		Meta map[string]string `json:"__metadata__"`
	}
	if err := json.Unmarshal(head[8:8+binary.LittleEndian.Uint64(head)], &header); err != nil {
		t.Fatal(err)
	}
	var o train.Optim
	if err := json.Unmarshal([]byte(header.Meta["optim"]), &o); err != nil || o != optim {
		t.Errorf("optimizer %+v, error %v; want %+v", o, err, optim)
	}
	var c struct {
		Heads int `json:"num_attention_heads"`
	}
	if err := json.Unmarshal([]byte(header.Meta["config"]), &c); err != nil || c.Heads != tiny.Heads {
		t.Errorf("configuration %s, %v", header.Meta["config"], err)
	}
}

// TestPeer trains a tiny model in both engines where there is a Python with PyTorch.
func TestPeer(t *testing.T) {
	const python = "/usr/bin/python3"
	if testing.Short() || exec.Command(python, "-c", "import torch, numpy").Run() != nil {
		t.Skip("no PyTorch")
	}
	k, err := cpu.New(cpu.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	s := size{title: "tiny", config: tiny, batch: 2}
	batches := source(tiny.Vocab, 6, s.batch, 16)
	m, err := fresh(k, tiny, model.F32, batches)
	if err != nil {
		t.Fatal(err)
	}
	defer m.free()
	p, err := peerOf(k, s, 1, batches, python)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for i := range batches {
		_, a, err := m.step()
		if err != nil {
			t.Fatal(err)
		}
		_, b, err := p.step()
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a-b) > 1e-4 {
			t.Errorf("step %d: loss %v, PyTorch's %v", i, a, b)
		}
	}
}

// TestAbsentPeer: a Python that is none, or has no PyTorch, gets a
// sentence that says what to install.
func TestAbsentPeer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "exchange.safetensors")
	_, err := startPeer("/no/such/python", file, 1)
	if err == nil || !strings.Contains(err.Error(), "/no/such/python") {
		t.Errorf("error %v, want one that names /no/such/python", err)
	}
	if _, err := exec.LookPath("false"); err != nil {
		t.Skip("no program that fails")
	}
	if _, err := startPeer("false", file, 1); err == nil || !strings.Contains(err.Error(), "python3-torch") {
		t.Errorf("error %v, want one that names the package python3-torch", err)
	}
}

// TestEnvironment: what is set stays, but for the threads.
func TestEnvironment(t *testing.T) {
	env := peerEnvironment([]string{"LD_LIBRARY_PATH=mine", "ATEN_CPU_CAPABILITY=avx2", "OMP_NUM_THREADS=7"}, 2)
	if !slices.Contains(env, "OMP_NUM_THREADS=2") {
		t.Errorf("no threads in %q", env)
	}
	for _, e := range env[3:] {
		if strings.HasPrefix(e, "LD_LIBRARY_PATH") || strings.HasPrefix(e, "ATEN") {
			t.Errorf("%q overrides what the user has set", e)
		}
	}
}

// TestFlops: the operations of a step, from the shapes. The logits are computed again, once.
func TestFlops(t *testing.T) {
	const rows, length = 2, 16
	got, err := flops(tiny, model.F32, source(tiny.Vocab, 1, rows, length))
	if err != nil {
		t.Fatal(err)
	}
	matrices := tiny.Layers * (4*tiny.Hidden*tiny.Hidden + 3*tiny.Hidden*tiny.FF)
	scored := rows * (length - 1)
	pairs := rows * length * (length + 1) / 2
	upper := float64(6*rows*length*matrices + 8*scored*tiny.Vocab*tiny.Hidden + tiny.Layers*14*pairs*tiny.Hidden)
	if !(got > .9*upper && got <= upper) { // the last rows stop before the last block's second half
		t.Errorf("%g operations, want a little less than %g", got, upper)
	}
}
