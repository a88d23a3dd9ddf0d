package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// A build is what the program knows of how it was made. What it does not know is empty.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Time     string `json:"time"` // of the revision
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	System   string `json:"system"`
	Settings string `json:"settings"` // tags, cgo and instruction set it was compiled with
}

// version reads what the compiler noted.
func version() build {
	b := build{Version: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	var settings []string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "-tags", "CGO_ENABLED", "GOAMD64", "GOARM64", "GOEXPERIMENT":
			settings = append(settings, s.Key+"="+s.Value)
		}
	}
	b.Settings = strings.Join(settings, " ")
	return b
}

// line returns the build in one line.
func (b build) line() string {
	s := "spell " + b.Version
	if b.Revision != "" {
		s += " (" + b.revision() + ")"
	}
	return s + " " + b.Go + " " + b.System
}

// revision returns the revision with its time, and whether files were changed since.
func (b build) revision() string {
	if b.Revision == "" {
		return "unknown"
	}
	s := b.Revision[:min(12, len(b.Revision))]
	if b.Time != "" {
		s += " of " + b.Time
	}
	if b.Modified {
		s += ", modified"
	}
	return s
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print what this program was built from",
		Long: "version prints the version, the revision and how the program was compiled. A report of an\n" +
			"error should have it.",
		Example: "  spell version\n  spell version --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := version()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), b)
			}
			return printTable(cmd.OutOrStdout(), [][2]string{
				{"version", b.Version},
				{"revision", b.revision()},
				{"Go", b.Go},
				{"system", b.System},
				{"instruction sets", known(strings.Join(instructionSets(), " "))},
				{"compiled with", known(b.Settings)},
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
