package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"spell/kernels"
	"spell/model"
	"spell/model/train"
	"spell/rl/budget"
	"spell/rl/settings"
	"spell/tensor/atomicfile"
)

// Plan returns what a run of a method takes, disk included.
func Plan(ctx context.Context, m Method, b kernels.Backend, shape model.Config, p model.Precision) (*budget.Plan,
	error) {
	p = m.Base().Kept(p)
	plan, err := m.Plan(ctx, b, shape, p)
	if err != nil {
		return nil, err
	}
	plan.Disk.Checkpoint, plan.Disk.Keep = train.CheckpointBytes(&shape, p, adaptersOf(m)), m.Base().Keep
	return plan, nil
}

// diskFreeFor returns the bytes that are free for a folder, which need not be there yet; 0 if the system
// does not tell.
func diskFreeFor(dir string) int64 {
	for {
		if _, err := os.Stat(dir); err == nil {
			return DiskFree(dir)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return 0
		}
		dir = up
	}
}

// DryRun prints what a run that begins would read and take, and makes nothing in its folder. A run that
// does not fit is an error.
func DryRun(ctx context.Context, m Method, dir string, o Options) error {
	if err := m.Read(ctx, "", o.Console); err != nil {
		return stopped(ctx, err, whileRead)
	}
	shape, err := m.Shape()
	if err != nil {
		return err
	}
	if d, ok := m.(Describer); ok {
		var text bytes.Buffer
		err := d.Describe(ctx, &text, shape)
		o.Console.Printf("%s", text.String())
		if err != nil {
			return stopped(ctx, err, whileRead)
		}
	}
	b, p, err := o.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	plan, machine, refused, err := Estimate(ctx, m, b, shape, p, dir, o)
	if err != nil {
		return stopped(ctx, err, whilePlanned)
	}
	var text bytes.Buffer
	if err := plan.Write(&text, machine, refused); err != nil {
		return err
	}
	o.Console.Printf("%s", text.String())
	return refused
}

// Estimate returns what a run that begins in a folder would take, what the machine has for it, and why it
// does not fit, or nil. The error is that of what cannot be planned.
func Estimate(ctx context.Context, m Method, b kernels.Backend, shape model.Config, p model.Precision, dir string,
	o Options) (plan *budget.Plan, has budget.Machine, refused, err error) {

	if plan, err = Plan(ctx, m, b, shape, p); err != nil {
		return nil, has, nil, err
	}
	available := o.Available()
	has = budget.Machine{Memory: budget.Available(b, available), Disk: diskFreeFor(dir)}
	if has.Times, err = times(plan, b, o); err != nil {
		return nil, has, nil, err
	}
	refused = m.Fit(ctx, b, shape, p, available, false)
	return plan, has, refused, ctx.Err()
}

// times measures the machine and returns what a plan takes there; nil if nobody asks.
func times(plan *budget.Plan, b kernels.Backend, o Options) (*budget.Times, error) {
	if o.Rates == nil || plan.Clock == nil {
		return nil, nil
	}
	rates, err := o.Rates(b, plan.Shape)
	if err != nil {
		return nil, err
	}
	return plan.Clock(rates)
}

// SettingsFile holds the settings that a run began with, for --config.
const SettingsFile = "settings.yaml"

// describe writes SettingsFile, with which another machine can repeat the run. It is not written again,
// and not over another that no run in the folder has written.
func (r *run) describe() error {
	var text bytes.Buffer
	name := r.method.Name()
	heading := fmt.Sprintf("What this run of spell %s began with. spell %s --config %s repeats it, given the same "+
		"model and data; the machine does not matter.", name, name, SettingsFile)
	if err := settings.Write(&text, r.method.Settings(), heading); err != nil {
		return err
	}
	path := filepath.Join(r.folder.Dir, SettingsFile)
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, text.Bytes()) {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) && !r.folder.begun {
		return fmt.Errorf("%s is there already, and the run would overwrite it with all of its settings; give it "+
			"another name or choose another --out", path)
	}
	return atomicfile.WriteBytes(path, text.Bytes())
}
