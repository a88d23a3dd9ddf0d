package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"spell/kernels"
	"spell/model"
	"spell/model/card"
	"spell/model/gguf"
	"spell/model/hf"
	"spell/model/open"
	"spell/model/peft"
	"spell/rl/runner"
	"spell/tensor"
	"spell/tensor/atomicfile"
	tensorgguf "spell/tensor/gguf"
	"spell/tokenizer/chat"
)

// An exporter writes a model in another format, or in the same one in another type.
type exporter struct {
	Model  string      // folder or file; one of adapters stands for them and the model that they name
	Format open.Format // to be written
	Out    string      // must not be there yet
	Type   string      // one of exportTypes; empty: what the parameters have

	Adapter string                          // folder of adapters to fold in; empty: none
	Open    func() (kernels.Backend, error) // what folds them in

	at located // where all that is
}

// exportTypes are the names of types that models are exported in.
var exportTypes = []string{"f32", "f16", "bf16", "q8_0"}

// Run writes the model, whole or not at all, until the context ends. Notes and progress go to c.
func (e *exporter) Run(ctx context.Context, c *runner.Console) (err error) {
	if e.at, err = locate(e.Model, e.Adapter); err != nil {
		return err
	}
	defer e.at.done()
	m, err := open.Model(e.at.dir)
	if err != nil {
		return err
	}
	defer m.Close()
	for _, n := range m.Notes {
		note(c, n)
	}
	if err := e.free(); err != nil {
		return err
	}
	text, err := runner.OpenText(e.at.text, m.Config.Vocab)
	if err != nil {
		return err
	}
	from := &exported{m, m.Rows()}
	if e.at.adapter != "" {
		rows, free, err := e.merged(ctx, m)
		if err != nil {
			return err
		}
		defer free()
		from.rows = rows
	}
	if e.Format == open.GGUF {
		return e.file(ctx, c, from, text)
	}
	return e.folder(ctx, c, from, text)
}

// exported is a model with the numbers that are written.
type exported struct {
	*open.Checkpoint
	rows model.Rows
}

// note says a sentence, unless results alone are wanted.
func note(c *runner.Console, sentence string) {
	if !c.Quiet {
		c.Note(sentence)
	}
}

// free refuses an Out that is there, unless it is an empty folder to be written to.
func (e *exporter) free() error {
	info, err := os.Stat(e.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if entries, err := os.ReadDir(e.Out); err == nil && len(entries) == 0 && e.Format == open.Folder {
		return nil
	}
	what := "a file"
	if info.IsDir() {
		what = "a folder"
	}
	return fmt.Errorf("--out %s is %s already; name another, or remove it", e.Out, what)
}

// room refuses to write more bytes than the disk takes.
func (e *exporter) room(bytes int) error {
	if free := runner.DiskFree(filepath.Dir(e.Out)); free > 0 && int64(bytes) > free {
		return fmt.Errorf("--out %s takes %.2f GB, and its disk has %.2f free; name a folder on another, or a smaller "+
			"--type", e.Out, float64(bytes)/1e9, float64(free)/1e9)
	}
	return nil
}

// rows returns the numbers of a model for a writer of so many: they end with the context, their number is
// shown, and what the type cannot hold is an error.
func (e *exporter) rows(ctx context.Context, c *runner.Console, m *exported,
	most func(model.Shape) float64) model.Rows {
	from, done, total := m.rows, 0, m.Config.Params()
	return func(v []float32, s model.Shape, first, end int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := from(v, s, first, end); err != nil {
			return err
		}
		for _, x := range v {
			if math.Abs(float64(x)) > most(s) {
				return fmt.Errorf("%s holds %v, which is too large for the type; take --type bf16 or f32", s.Name, x)
			}
		}
		done += len(v)
		if !c.Quiet {
			c.Progress("writing "+e.Out+", million numbers", done/1e6, total/1e6)
		}
		return nil
	}
}

// largestF16 is the largest number of F16.
const largestF16 = 65504

// file writes a GGUF file.
func (e *exporter) file(ctx context.Context, c *runner.Console, m *exported, text *chat.Dialog) error {
	t, ok := gguf.Types[e.Type]
	if !ok {
		stored, _ := m.TypeOf(model.Shapes(&m.Config)[0])
		t = map[tensor.DType]tensorgguf.Type{tensor.F32: tensorgguf.F32, tensor.F16: tensorgguf.F16,
			tensor.BF16: tensorgguf.BF16}[stored]
	}
	more := []tensorgguf.Pair{{Name: "general.name", Value: nameOf(e.Model)}}
	if text == nil {
		note(c, e.Model+" has no tokenizer, and llama.cpp reads ids alone from such a file")
		more = append(more, tensorgguf.Pair{Name: "tokenizer.ggml.model", Value: "no_vocab"})
	} else {
		v, err := runner.VocabularyOf(text, &m.Config)
		if err != nil {
			return fmt.Errorf("the tokenizer of %s: %w", e.Model, err)
		}
		more = append(more, v.Pairs()...)
	}
	size, err := gguf.Size(&m.Config, t)
	if err != nil {
		return err
	}
	if err := e.room(size); err != nil {
		return err
	}
	most := func(s model.Shape) float64 {
		matrix := s.Kind != model.Norm && s.Kind != model.Bias
		if matrix && (t == tensorgguf.F16 || t == tensorgguf.Q8_0) {
			return largestF16
		}
		return math.Inf(1)
	}
	return gguf.Write(e.Out, &m.Config, e.rows(ctx, c, m, most), t, more)
}

// folder writes a Hugging Face folder, under another name until it is whole.
func (e *exporter) folder(ctx context.Context, c *runner.Console, m *exported, text *chat.Dialog) error {
	typeOf, size := e.types(c, m)
	if err := e.room(size); err != nil {
		return err
	}
	carried, err := m.Carried()
	if err != nil {
		return err
	}
	if carried == nil {
		carried = map[string][]byte{}
	}
	if carried[card.Name], err = e.card(m, carried[card.Name]); err != nil {
		return err
	}
	out := filepath.Clean(e.Out)
	dir, name := filepath.Split(out)
	tmp := filepath.Join(dir, "."+name+".tmp")
	if err := os.RemoveAll(tmp); err != nil { // of an export that was killed
		return err
	}
	defer os.RemoveAll(tmp)
	most := func(s model.Shape) float64 {
		if typeOf(s) == tensor.F16 {
			return largestF16
		}
		return math.Inf(1)
	}
	if err := hf.Write(tmp, &m.Config, carried, e.rows(ctx, c, m, most), typeOf); err != nil {
		return err
	}
	if text != nil {
		if err := text.Save(tmp); err != nil {
			return err
		}
	}
	if err := atomicfile.SyncDir(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, out); err != nil { // in place of an empty folder, too
		return fmt.Errorf("writing %s: %w", out, err)
	}
	return atomicfile.SyncDir(filepath.Dir(out))
}

// types returns the type of each parameter in a folder, and the bytes of all.
func (e *exporter) types(c *runner.Console, m *exported) (func(model.Shape) tensor.DType, int) {
	asked, ok := map[string]tensor.DType{"f32": tensor.F32, "f16": tensor.F16, "bf16": tensor.BF16}[e.Type]
	size, rounded := 0, false
	types := map[string]tensor.DType{}
	for _, s := range model.Shapes(&m.Config) {
		t, exact := m.TypeOf(s)
		if ok {
			t, exact = asked, true
		}
		types[s.Name] = t
		rounded = rounded || !exact
		size += s.Rows * s.Cols * t.Size()
	}
	if rounded {
		note(c, "quantized weights are written in bf16; --type f32 keeps every bit of them")
	}
	return func(s model.Shape) tensor.DType { return types[s.Name] }, size
}

// nameOf returns what a model is called by its path.
func nameOf(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	return strings.TrimSuffix(filepath.Base(abs), ".gguf")
}

// merged returns the numbers of a model with adapters folded in, and what gives their memory back.
func (e *exporter) merged(ctx context.Context, m *open.Checkpoint) (model.Rows, func(), error) {
	b, err := e.Open()
	if err != nil {
		return nil, nil, err
	}
	w, err := m.Load(ctx, b, m.Stored(), model.Inference)
	if err != nil {
		b.Close()
		return nil, nil, err
	}
	free := func() { w.Free(); b.Close() }
	if _, err := peft.Load(b, w, e.at.adapter, model.Inference); err != nil {
		free()
		return nil, nil, err
	}
	merger, err := model.NewMerger(b, w)
	if err != nil {
		free()
		return nil, nil, err
	}
	params := map[string]*model.Param{}
	for _, p := range w.Params {
		params[p.Name] = p
	}
	rows := func(v []float32, s model.Shape, from, to int) error {
		for first, end := range kernels.RowChunks(to-from, s.Cols) {
			sum := merger.Rows(params[s.Name], from+first, from+end)
			kernels.Download(b, v[first*s.Cols:end*s.Cols], sum)
		}
		return nil
	}
	return rows, func() { merger.Free(); free() }, nil
}
