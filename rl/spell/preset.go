package spell

import (
	"fmt"

	"spell/rl/task"
)

// A Preset is settings to begin from.
type Preset struct {
	Name   string
	Config Config
	Hours  float64 // that the run is sized to on the machine; 0: the settings stay as they are
}

// Presets lists the names that PresetNamed knows.
const Presets = "embedded, documents, quick, laptop or paper"

// A Kind of model is what presets are for.
type Kind int

// The kinds.
const (
	WorldBase Kind = iota // the embedded base for the generated world
	TextBase              // the embedded base for documents, and what was trained from it
	OwnModel              // any other
)

// PresetNamed returns a preset for a kind of model. An empty name is embedded for WorldBase, documents for
// TextBase and laptop for OwnModel. hours, if not 0, replace those of the preset.
func PresetNamed(name string, of Kind, hours float64) (Preset, error) {
	if name == "" {
		name = map[Kind]string{WorldBase: "embedded", TextBase: "documents", OwnModel: "laptop"}[of]
	}
	p := Preset{Name: name}
	switch name {
	case "embedded":
		p.Config = Small()
	case "documents":
		p.Config = Reader()
	case "quick":
		p.Config = quick(of)
		if of == OwnModel {
			p.Hours = 0.25
		}
	case "laptop":
		p.Config, p.Hours = laptop(of), 8
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
		if name == "embedded" || name == "documents" { // which are made for minutes
			p.Config = p.Config.of(96)
			p.Config.Steps = 480
		}
	}
	return p, nil
}

// Reader suits the embedded base for documents, whose questions are of the kinds that a rule judges. The base finds
// what stands up to 450 tokens back: its prompts are as long and up to three times as long, so that it answers about
// half of the questions it asks. At the paper's temperature of 0.7 few of them have right and wrong answers after
// twenty steps, and over short documents answers get worse.
func Reader() Config {
	c := Small()
	c.ByRule, c.Prompts, c.TopP = true, "reading", 0.95
	c.Tasks = []task.Task{task.GeneralQA, task.Numeric} // of its questions with options too many repeat one
	c.Steps, c.HeldOut, c.HeldOutShare, c.TestTokens = 120, 256, 0.2, 128
	c.Docs, c.DocChars, c.MaxDocs, c.LeastTokens, c.MaxPrompt = 2, 400, 40, 500, 1300
	c.PerCluster, c.ShareVotes = 4, true
	c.MaxQuestion, c.MaxAnswer, c.MaxVote = 128, 72, 4
	c.Grounding.Stated, c.Reward.Strict = true, true
	c.Optim.LR, c.Floor = 2e-4, 0.1
	return c
}

// quick is for a look in minutes.
func quick(of Kind) Config {
	if of == OwnModel {
		c := laptop(of)
		c.Steps, c.HeldOut = 2, 0
		c.MaxQuestion, c.MaxAnswer, c.MaxVote, c.Answers, c.Votes = 192, 192, 48, 4, 4
		return c.of(4).in(1024, 4)
	}
	c := laptop(of)
	c.Steps, c.HeldOut = 3, 32
	return c.of(8)
}

// laptop suits models of some hundred million parameters and a night: shorter documents and outputs than
// the paper's, and fewer of them. An embedded base has its own settings then, too.
func laptop(of Kind) Config {
	switch of {
	case WorldBase:
		return Small()
	case TextBase:
		return Reader()
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
