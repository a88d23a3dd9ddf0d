package hf

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"spell/model"
	"spell/model/card"
	"spell/tensor"
)

// maxCarried bounds the size of a file that is carried over. The largest, vocabularies, have a few
// megabytes.
const maxCarried = 16 << 20

// isCarried reports whether a model made of the one in a folder gets the file of that name: what
// describes the model and tells how it may be used, and is neither weights nor of the tokenizer, whose
// files go by way of the text side.
func isCarried(name string) bool {
	switch name {
	case configName, card.Name: // the former says how to save, too
		return true
	case "adapter_config.json", "special_tokens_map.json", "added_tokens.json",
		"trainer_state.json", "state.json": // of a run, as this program once laid it beside the model
		return false
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "tokenizer") && strings.HasSuffix(name, ".json") ||
		strings.HasSuffix(name, ".index.json") {
		return false
	}
	for _, begin := range []string{"LICENSE", "LICENCE", "NOTICE", "USE_POLICY", "COPYING"} {
		if strings.HasPrefix(strings.ToUpper(name), begin) {
			return true
		}
	}
	switch filepath.Ext(name) {
	case ".json", ".txt", ".model":
		return true
	}
	return false
}

// configName is the file that describes a decoder.
const configName = "config.json"

// readCarried reads the files in dir that are carried over, by name.
func readCarried(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // of what a link leads to
		if !isCarried(e.Name()) || err != nil || !info.Mode().IsRegular() || info.Size() > maxCarried {
			continue
		}
		if files[e.Name()], err = readWhole(path); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// readWhole reads a file that is carried over.
func readWhole(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxCarried))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return raw, nil
}

// configOf returns config.json for weights that are saved in type t: the one they came with, with the
// type and what else has changed, so that fields of other programs stay; one of our own if there is
// none or if it does not describe the weights any more.
func configOf(c *model.Config, carried map[string][]byte, t tensor.DType) ([]byte, error) {
	names := map[tensor.DType]string{tensor.BF16: "bfloat16", tensor.F32: "float32", tensor.F16: "float16"}
	own, err := MarshalConfig(c, names[t])
	if err != nil {
		return nil, err
	}
	var ours, fields map[string]json.RawMessage
	if err := json.Unmarshal(own, &ours); err != nil {
		return nil, err
	}
	if json.Unmarshal(carried[configName], &fields) != nil || fields == nil {
		return json.MarshalIndent(ours, "", "  ") // in the order that it will have when it is carried over
	}
	delete(fields, "quantization_config")
	for _, name := range []string{"architectures", "tie_word_embeddings", "torch_dtype"} {
		fields[name] = ours[name]
	}
	if _, ok := fields["dtype"]; ok { // newer files have it in place of torch_dtype
		fields["dtype"] = ours["torch_dtype"]
		delete(fields, "torch_dtype")
	}
	raw, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return nil, err
	}
	again, err := ParseConfig(raw)
	again.BOS, again.EOS = c.BOS, c.EOS // which other files have a say in
	if err != nil || !reflect.DeepEqual(again, *c) {
		return json.MarshalIndent(ours, "", "  ")
	}
	return raw, nil
}
