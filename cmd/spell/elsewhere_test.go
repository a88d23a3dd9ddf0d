package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestElsewhere: a name that is no setting of the command is a flag of it, a setting of another command
// or a setting in other words, and the error says so, from a file as from --set.
func TestElsewhere(t *testing.T) {
	for _, c := range []struct{ command, set, want string }{
		{"train", "epochs=3", "epochs; it is a setting of spell sft"},
		{"train", "stages.0.lr=1", "stages.0.lr; it is a setting of spell pretrain"},
		{"sft", "role_weights=[1]", "role_weights; it is a setting of spell train"},
		{"sft", "kl=0.1", "kl; it is a setting of spell train; sft stays near to the model it began with by a lower"},
		{"sft", "reward.shape=1", "it is a setting of spell train"},
		{"pretrain", "epochs=3", "epochs; it is a setting of spell sft"},
		{"train", "model=x", "model; it is no setting but the flag --model"},
		{"train", "hours=4", "--hours"},
		{"train", "preset=quick", "--preset"},
		{"sft", "resume=true", "--resume"},
		{"sft", "out=x", "--out"},
		{"pretrain", "docs=x", "--docs"},
		{"sft", "held-out=0.1", "it is written held_out"},
		{"sft", "lr=1e-4", "did you mean optim.lr?"},
		{"train", "learning_rate=1e-4", "did you mean optim.lr?"},
		{"pretrain", "lr=1e-4", "did you mean optim.lr or stages.0.lr?"},
		{"pretrain", "learning_rate=1e-4", "did you mean optim.lr or stages.0.lr?"},
		{"train", "optim.max_grad_norm=1", "did you mean optim.clip_norm?"},
		{"train", "lorem=1", "--print-config lists them"},
	} {
		t.Run(c.command+" "+c.set, func(t *testing.T) {
			spell(t, "", c.command, "--print-config", "--set", c.set).fails(t, "--set", "there is no field", c.want)
			file := write(t, filepath.Join(t.TempDir(), "c.yaml"), strings.Replace(c.set, "=", ": ", 1))
			spell(t, "", c.command, "--print-config", "--config", file).fails(t, file, "there is no field", c.want)
		})
	}
}
