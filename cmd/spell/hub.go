package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// hubName matches the names of models on Hugging Face's hub: who made it, and what it is called.
var hubName = regexp.MustCompile(`^[\w][\w.-]*/[\w][\w.-]*$`)

// insteadOf says how to come by the model at a path that is not there: where a cache of Hugging Face's
// hub keeps it, how it is downloaded, or how the path is to be written.
func insteadOf(path string) string {
	const folder = "name a folder on this machine with config.json and the weights, or a GGUF file"
	if strings.HasPrefix(path, "~") {
		return "the shell leaves ~ as it is in quotes and behind =; write the whole path"
	}
	id := path
	for _, host := range []string{"https://", "http://", "hf://", "huggingface.co/", "hf.co/"} {
		id = strings.TrimPrefix(id, host)
	}
	id = strings.TrimSuffix(id, "/")
	maker, _, _ := strings.Cut(id, "/")
	if _, err := os.Stat(maker); err == nil || !hubName.MatchString(id) { // a folder here was meant
		return "and nothing is downloaded: " + folder
	}
	if dir := cached(id); dir != "" {
		return "but a cache holds it: name its folder, --model " + dir
	}
	return fmt.Sprintf("and nothing is downloaded: fetch it, as hf download %s --local-dir DIR does, and %s", id,
		folder)
}

// cached returns the folder of the newest snapshot that the cache of Hugging Face's hub has of a model,
// "" if it has none.
func cached(id string) string {
	cache := os.Getenv("HF_HUB_CACHE")
	if home := os.Getenv("HF_HOME"); cache == "" && home != "" {
		cache = filepath.Join(home, "hub")
	}
	if home, err := os.UserHomeDir(); cache == "" && err == nil {
		cache = filepath.Join(home, ".cache", "huggingface", "hub")
	}
	model := filepath.Join(cache, "models--"+strings.ReplaceAll(id, "/", "--"))
	snapshot, err := os.ReadFile(filepath.Join(model, "refs", "main"))
	dir := filepath.Join(model, "snapshots", filepath.Base(strings.TrimSpace(string(snapshot))))
	if err != nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		return ""
	}
	return dir
}
