package spell

import "fmt"

// A Preset is settings to begin from.
type Preset struct {
	Name   string
	Config Config
	Hours  float64 // that the run is sized to on the machine; 0: the settings stay as they are
}

// Presets lists the names that PresetNamed knows.
const Presets = "embedded, quick, laptop or paper"

// PresetNamed returns a preset for the embedded base or, if own, for a model of one's own. An empty name
// is embedded for the former, laptop for the latter. hours, if not 0, replace those of the preset.
func PresetNamed(name string, own bool, hours float64) (Preset, error) {
	if name == "" {
		name = "embedded"
		if own {
			name = "laptop"
		}
	}
	p := Preset{Name: name}
	switch name {
	case "embedded":
		p.Config = Small()
	case "quick":
		p.Config = quick(own)
		if own {
			p.Hours = 0.25
		}
	case "laptop":
		p.Config, p.Hours = laptop(own), 8
	case "paper":
		p.Config = Default()
	default:
		return p, fmt.Errorf("--preset is %q; use %s", name, Presets)
	}
	if !(hours >= 0 && hours <= 1e6) {
		return p, fmt.Errorf("--hours is %g; it must be a number of hours", hours)
	}
	if hours > 0 {
		p.Hours = hours
		if name == "embedded" { // which is made for minutes
			p.Config.Steps, p.Config.Questions, p.Config.Draw, p.Config.VerifierGroups = 480, 96, 192, 48
		}
	}
	return p, nil
}

// quick is for a look in minutes.
func quick(own bool) Config {
	if own {
		c := laptop(true)
		c.Steps, c.HeldOut = 2, 0
		c.MaxQuestion, c.MaxAnswer, c.MaxVote, c.Answers, c.Votes = 192, 192, 48, 4, 4
		return c.of(4).in(1024, 4)
	}
	c := Small()
	c.Steps, c.HeldOut = 3, 32
	return c.of(8)
}

// laptop suits models of some hundred million parameters and a night: shorter documents and outputs than
// the paper's, and fewer of them.
func laptop(own bool) Config {
	if !own {
		return Small()
	}
	c := Default()
	c.Steps, c.HeldOut, c.Checkpoint = 64, 64, 1
	c.Docs, c.DocChars, c.MaxDocs, c.NearDocs = 3, 2000, 10, true
	c.MaxPrompt, c.MaxQuestion, c.MaxAnswer, c.MaxVote = 8192, 1024, 1024, 256
	c.MaxRounds, c.LeastDocs = 2, 2
	c.Grounding.ChoiceSamples, c.Grounding.ChoiceRight = 4, 3
	return c.of(64).in(8192, 4)
}

// of returns c with n questions that train in a step, twice as many drawn at a time and half as many
// groups of votes.
func (c Config) of(n int) Config {
	c.Questions, c.Draw, c.VerifierGroups = n, 2*n, max(1, n/2)
	return c
}

// in returns c with prompts of so many tokens, in passes that hold them, and a cache for so many of them
// with their outputs.
func (c Config) in(prompt, together int) Config {
	c.MaxPrompt = prompt
	c.PassTokens, c.BatchTokens = max(prompt, 1024), max(c.longest(), 1024)
	c.CacheTokens = together * c.leastCache()
	return c
}
