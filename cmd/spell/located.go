package main

import (
	"fmt"
	"os"
	"path/filepath"

	"spell/model/card"
	"spell/model/open"
	"spell/model/peft"
	"spell/rl/runner"
)

// A located model is where the files lie that a --model and an --adapter mean.
type located struct {
	dir     string // folder or file of the model
	adapter string // folder of adapters; empty: none
	text    string // whose tokenizer and chat templates are used

	base card.Base // what the model is called
	done func()    // removes what was unpacked
}

// locate finds a model and adapters. No --model is the embedded base. A --model that holds adapters
// alone, as a checkpoint of a run that trained them does, stands for these and the model that they
// name, which may be the embedded base.
func locate(dir, adapter string) (located, error) {
	at := located{dir, adapter, dir, card.BaseAt(dir), func() {}}
	if dir == "" {
		var err error
		at.dir, at.done, err = runner.ModelFolder("")
		at.text = at.dir
		return at, err
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil || adapter != "" || !peft.Is(dir) {
		return at, nil
	}
	c, err := peft.ReadConfig(dir)
	if err != nil {
		return at, err
	}
	at.adapter = dir
	if c.Base == "" {
		at.base = card.BaseAt("")
		at.dir, at.done, err = embedded(dir)
	} else {
		at.dir, err = baseOf(dir, c.Base)
		at.base = card.BaseAt(at.dir)
	}
	if _, none := os.Stat(filepath.Join(dir, "tokenizer.json")); none != nil {
		at.text = at.dir
	}
	return at, err
}

// baseOf returns where the model is that the adapters in dir name: from here, as PEFT looks for it,
// or from their folder.
func baseOf(dir, name string) (string, error) {
	for _, path := range []string{name, filepath.Join(dir, name)} {
		if _, err := open.FormatOf(path); err == nil {
			return path, nil
		}
		if filepath.IsAbs(name) {
			break
		}
	}
	return "", fmt.Errorf("--model %s holds adapters of the model %s, which is not there; name that model with "+
		"--model and this folder with --adapter", dir, name)
}

// embedded unpacks the embedded base for adapters in dir that name no model, if they fit it.
func embedded(dir string) (base string, done func(), err error) {
	c, err := runner.ShapeOf("")
	if err != nil {
		return "", func() {}, err
	}
	if peft.Fits(dir, &c) != nil {
		return "", func() {}, fmt.Errorf("--model %s holds adapters that name no model (base_model_name_or_path in "+
			"adapter_config.json) and do not fit the embedded base; name their model with --model and this folder "+
			"with --adapter", dir)
	}
	return runner.ModelFolder("")
}
