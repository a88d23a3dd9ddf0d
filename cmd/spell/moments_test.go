package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlanMoments: a plan has both moments with their types, and is smaller by what they save.
func TestPlanMoments(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "config.json"), shape)
	plan := func(moments string) (p planned, bytes int, types string) {
		config := write(t, filepath.Join(dir, moments+".json"), fmt.Sprintf(`{"moments": %q}`, moments))
		p = decode[planned](t, succeed(t, "", "plan", "--model", file, "--workers", "1", "--config", config, "--json",
			"--prompt", "64", "--group", "2", "--answer", "8", "--groups", "1"))
		for _, a := range p.Arenas {
			if strings.HasSuffix(a.Name, " moments") {
				bytes += a.Bytes
				types += a.Type + " "
			}
		}
		return p, bytes, types
	}
	full, all, types := plan("f32")
	if types != "f32 f32 " {
		t.Errorf("moments are %s", types)
	}
	for moments, want := range map[string]struct {
		types string
		part  float64
	}{"bf16": {"bf16 bf16 ", 2}, "int8": {"m8 v8 ", 3.7}} {
		p, bytes, types := plan(moments)
		if types != want.types || float64(all)/float64(bytes) < want.part || full.Total-p.Total != all-bytes {
			t.Errorf("%s: moments are %s, %d bytes of %d; the plan is smaller by %d",
				moments, types, bytes, all, full.Total-p.Total)
		}
	}
	bad := write(t, filepath.Join(dir, "bad.json"), `{"moments": "fp8"}`)
	for _, args := range [][]string{{"train"}, {"sft", "--data", "x"}, {"pretrain", "--out", dir}} {
		spell(t, "", append(args, "--config", bad)...).fails(t, bad, `moments is "fp8"; use f32, bf16 or int8`)
	}
}

// TestResumeMoments: a run whose moments are not f32 goes on to the bytes of one that was left
// alone, on another number of workers, and not with other moments.
func TestResumeMoments(t *testing.T) {
	dir, train := chainRun(t)
	docs, recipe := filepath.Join(dir, "docs"), pretrainRecipe(512, 600)
	small := string(read(t, filepath.Join(dir, "small.json")))
	for _, c := range []struct {
		name, config string // and how the command line begins
		args         func(out string, more ...string) []string
	}{
		{"train", small, train},
		{"pretrain", recipe, func(out string, more ...string) []string {
			return append([]string{"pretrain", "--docs", docs, "--out", out}, more...)
		}},
	} {
		for _, moments := range []string{"bf16", "int8"} {
			kept := func(moments string) string {
				config := fmt.Sprintf(`{"moments": %q, %s`, moments, c.config[1:])
				return write(t, filepath.Join(dir, c.name+moments+".json"), config)
			}
			config := kept(moments)
			out := func(name string) string { return filepath.Join(dir, c.name+moments+name) }
			learn := func(name, steps, workers string, more ...string) {
				more = append(more, "--config", config, "--steps", steps, "--workers", workers, "--quiet")
				succeed(t, "", c.args(out(name), more...)...)
			}
			learn("straight", "3", "2")
			if c.name == "train" {
				learn("cut", "2", "1")
			} else { // as if it was killed in its third step
				if err := os.CopyFS(out("cut"), os.DirFS(out("straight"))); err != nil {
					t.Fatal(err)
				}
				if err := os.RemoveAll(filepath.Join(out("cut"), "step-000003")); err != nil {
					t.Fatal(err)
				}
			}
			other := spell(t, "", c.args(out("cut"), "--config", kept("f32"), "--steps", "3", "--resume")...)
			other.fails(t, "step-000002", "began with moments "+moments+" and now it is f32")
			learn("cut", "3", "1", "--resume")
			sameFiles(t, out("straight"), out("cut"), checkpoint(3)...)
		}
	}
}
