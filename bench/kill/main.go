// Command kill kills training runs at random moments, resumes them, and compares what they leave
// with runs that were left alone.
//
//	go run ./bench/kill -kills 200
//
// It runs spell train, sft and pretrain on small data of its own, the former two with adapters on
// an int8 base as well. Every run is killed with SIGKILL at a random moment, resumed, killed again,
// and so on; one in four ends after the first kill. Then every file of its folder must have the
// bytes of the straight run's, but for clock.jsonl, and every log exactly its lines. -signal INT
// interrupts instead, which must also end soon.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"spell/bench/tool"
)

// options are the flags.
type options struct {
	kills  int
	seed   uint64
	spell  string
	dir    string
	signal syscall.Signal
}

func main() {
	tool.Main("kill", run)
}

func run(args []string) error {
	var o options
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	flags.IntVar(&o.kills, "kills", 200, "kills in all")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the moments")
	flags.StringVar(&o.spell, "spell", "", "the program; empty: built from ./cmd/spell")
	flags.StringVar(&o.dir, "dir", "", "folder to work in, which stays; empty: a temporary one")
	name := flags.String("signal", "KILL", "KILL, INT, TERM or HUP")
	if err := flags.Parse(args); err != nil {
		return err
	}
	signals := map[string]syscall.Signal{
		"KILL": syscall.SIGKILL, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP,
	}
	var ok bool
	if o.signal, ok = signals[*name]; !ok {
		return fmt.Errorf("-signal %s: use KILL, INT, TERM or HUP", *name)
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "spell-kill-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	var err error
	if o.spell, err = tool.Build(o.spell, o.dir); err != nil {
		return err
	}
	return o.loop()
}

// loop kills runs of the commands in turn until there were enough kills.
func (o *options) loop() error {
	commands, err := write(o.dir)
	if err != nil {
		return err
	}
	fmt.Printf("seed %d, signal %v\n", o.seed, o.signal)
	straight := make([]time.Duration, len(commands))
	for i, c := range commands {
		start := time.Now()
		if err := o.finish(c, filepath.Join(o.dir, c.name+"-straight")); err != nil {
			return err
		}
		straight[i] = time.Since(start)
		fmt.Printf("%s alone: %.1f s\n", c.name, straight[i].Seconds())
	}
	random := rand.New(rand.NewPCG(o.seed, 0))
	for kills, round := 0, 0; kills < o.kills; round++ {
		i := round % len(commands)
		n, err := o.round(commands[i], straight[i], random, o.kills-kills)
		if err != nil {
			return fmt.Errorf("round %d of %s: %w", round, commands[i].name, err)
		}
		kills += n
		fmt.Printf("round %d, %s: %d kills, %d in all, the same bytes\n", round, commands[i].name, n, kills)
	}
	return nil
}

// round runs a command into a new folder, killed at most so many times, and compares it with the
// straight run. It returns the number of kills.
func (o *options) round(c command, alone time.Duration, random *rand.Rand, most int) (kills int, err error) {
	out := filepath.Join(o.dir, c.name+"-killed")
	if err := os.RemoveAll(out); err != nil {
		return 0, err
	}
	for kills < most {
		killed, err := o.kill(c, out, time.Duration(random.Float64()*float64(alone)))
		if err != nil {
			return kills, err
		}
		if !killed {
			break
		}
		kills++
		if random.IntN(4) == 0 {
			break
		}
	}
	if err := o.finish(c, out); err != nil {
		return kills, err
	}
	return kills, compare(filepath.Join(o.dir, c.name+"-straight"), out, o.signal != syscall.SIGKILL)
}

// start starts the command into a folder, to go on if a run was begun there.
func (o *options) start(c command, out string) (*exec.Cmd, *os.File, error) {
	args := append(append([]string{}, c.args...), "--out", out, "--quiet")
	if tool.Begun(out) {
		args = append(args, "--resume")
	}
	log, err := os.Create(filepath.Join(o.dir, c.name+".log"))
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(o.spell, args...)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd, log, cmd.Start()
}

// kill runs the command for so long and kills it. It reports whether it had not ended by then.
func (o *options) kill(c command, out string, after time.Duration) (bool, error) {
	cmd, log, err := o.start(c, out)
	if err != nil {
		return false, err
	}
	defer log.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return false, o.said(c, err)
	case <-time.After(after):
	}
	if err := cmd.Process.Signal(o.signal); err != nil {
		return false, o.said(c, <-ended)
	}
	const soon = 5 * time.Second
	select {
	case <-ended:
		return true, nil
	case <-time.After(soon):
		cmd.Process.Kill()
		return true, fmt.Errorf("it had not ended %v after %v", soon, o.signal)
	}
}

// finish runs the command to its end. Where nothing is left to do it may end at once.
func (o *options) finish(c command, out string) error {
	cmd, log, err := o.start(c, out)
	if err != nil {
		return err
	}
	defer log.Close()
	return o.said(c, cmd.Wait())
}

// said returns an error of the command with what it printed.
func (o *options) said(c command, err error) error {
	if err == nil {
		return nil
	}
	text, _ := os.ReadFile(filepath.Join(o.dir, c.name+".log"))
	return fmt.Errorf("spell %s: %w\n%s", c.name, err, text)
}
