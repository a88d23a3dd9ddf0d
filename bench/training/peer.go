package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

//go:embed llama.py
var script []byte

const install = "on Debian, apt-get install --no-install-recommends " +
	"python3-torch python3-numpy libopenblas0-openmp gives /usr/bin/python3 one"

// A peer is a Python process that trains when told to.
type peer struct {
	about   string // what computes
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	errors  bytes.Buffer
}

// startPeer runs llama.py on the weights and batches of a file, with
// its own copy of the script beside it.
func startPeer(python, file string, threads int) (*peer, error) {
	path := filepath.Join(filepath.Dir(file), "llama.py")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		return nil, err
	}
	p := &peer{process: exec.Command(python, path, file, strconv.Itoa(threads))}
	p.process.Env = peerEnvironment(os.Environ(), threads)
	p.process.Stderr = &p.errors
	var err error
	if p.in, err = p.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.process.Start(); err != nil {
		return nil, fmt.Errorf("%s does not run: %w", python, err)
	}
	var about struct {
		Torch   string
		Threads int
		BLAS    []string
	}
	if err := p.answer(&about); err != nil {
		p.close()
		return nil, fmt.Errorf("%s has no PyTorch that runs (%w); %s", python, err, install)
	}
	p.about = fmt.Sprintf("PyTorch %s (%s)", about.Torch, strings.Join(about.BLAS, ", "))
	return p, nil
}

// peerEnvironment adds what the peer should have and the environment
// does not say: see the comment of the package.
func peerEnvironment(env []string, threads int) []string {
	add := map[string]string{"OMP_NUM_THREADS": strconv.Itoa(threads), "OPENBLAS_NUM_THREADS": strconv.Itoa(threads)}
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512BW, cpuid.AVX512VL) {
		add["OPENBLAS_CORETYPE"], add["ATEN_CPU_CAPABILITY"] = "SkylakeX", "avx512"
	}
	if dirs, _ := filepath.Glob("/usr/lib/*-linux-gnu/openblas-openmp"); len(dirs) > 0 {
		add["LD_LIBRARY_PATH"] = dirs[0]
	}
	has := map[string]bool{}
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		has[name] = true
	}
	for name, value := range add {
		if !has[name] || strings.HasSuffix(name, "THREADS") {
			env = append(env, name+"="+value) // of two, the last counts
		}
	}
	return env
}

// answer reads a line of JSON.
func (p *peer) answer(v any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		p.process.Wait()
		if text := strings.TrimSpace(p.errors.String()); text != "" {
			return fmt.Errorf("%s", text[strings.LastIndexByte(text, '\n')+1:])
		}
		return fmt.Errorf("it ended without an answer")
	}
	return json.Unmarshal(line, v)
}

// step trains on the next batch; the seconds are those that Python measures.
func (p *peer) step() (seconds, loss float64, err error) {
	if _, err := io.WriteString(p.in, "step\n"); err != nil {
		return 0, 0, fmt.Errorf("PyTorch has ended: %w", err)
	}
	var a struct{ Seconds, Loss float64 }
	if err := p.answer(&a); err != nil {
		return 0, 0, fmt.Errorf("a step of PyTorch: %w", err)
	}
	return a.Seconds, a.Loss, nil
}

func (p *peer) close() {
	p.in.Close()
	p.process.Wait()
}
