package main

import (
	"fmt"
	"os"
	"path/filepath"

	"spell/model/card"
	"spell/model/nano"
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

// locate finds a model and adapters. A --model may name an embedded base; none is that of the generated
// world. One that holds adapters alone, as a checkpoint of a run that trained them does, stands for these and
// the model that they name, which may be an embedded base, too.
func locate(dir, adapter string) (located, error) {
	folder, done, err := runner.ModelFolder(dir)
	at := located{folder, adapter, folder, runner.BaseOf(dir), done}
	if err != nil || at.base.Embedded {
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
	if _, ok := nano.Named(c.Base); ok {
		at.base = runner.BaseOf(c.Base)
		at.dir, at.done, err = embedded(dir, c.Base)
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
	if err := nano.Check(name); err != nil {
		return "", fmt.Errorf("--model %s holds adapters of another model: %w", dir, err)
	}
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

// embedded unpacks the embedded base that adapters in dir name, or, if they name no model, that of the
// generated world. It is an error if they do not fit it.
func embedded(dir, name string) (base string, done func(), err error) {
	c, err := runner.ShapeOf(name)
	if err != nil {
		return "", func() {}, err
	}
	if peft.Fits(dir, &c) != nil {
		what := "name " + name + " and do not fit it"
		if name == "" {
			what = "name no model (base_model_name_or_path in adapter_config.json) and do not fit the embedded base " +
				nano.World
		}
		return "", func() {}, fmt.Errorf("--model %s holds adapters that %s; name their model with --model and this "+
			"folder with --adapter", dir, what)
	}
	return runner.ModelFolder(name)
}
