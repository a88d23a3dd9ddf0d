package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// onTerminal runs a command on a terminal of its own until what appears there is enough, interrupts
// it, and returns what appeared until then.
func onTerminal(cmd *exec.Cmd, enough func(said string) bool) (string, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer master.Close()
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return "", err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return "", err
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	if err := cmd.Start(); err != nil {
		return "", errors.Join(err, terminal.Close())
	}
	terminal.Close()
	var said strings.Builder
	piece := make([]byte, 4096)
	for !enough(said.String()) {
		n, err := master.Read(piece)
		if said.Write(piece[:n]); err != nil { // the command has ended and closed the other side
			return said.String(), errors.Join(errors.New("it ended too soon"), cmd.Wait())
		}
	}
	screen := said.String()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return screen, err
	}
	go io.Copy(io.Discard, master) // or it would wait for a reader
	cmd.Wait()                     // its code says that it was interrupted
	return screen, nil
}
