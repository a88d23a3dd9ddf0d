package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"spell/kernels"
	"spell/kernels/cpu"
	"spell/rl"
	"spell/rl/play"
	"spell/rl/task"
	"spell/tensor"
	"spell/tensor/rng"
	"spell/tokenizer"
)

// A script says what a policy of random weights says in self-play, so that there is something to learn
// and every output has the length it may have. The engine samples as ever, with random numbers that draw
// the tokens of the script.
//
// A sampler is told no more than a random number, which follows from the run's seed, the request, the
// output and its place in it: by that number the script knows the token that is asked for.
type script struct {
	seed    uint64
	tok     *tokenizer.Tokenizer
	end     int32
	pending map[float64]place // by the random number of the token
	outputs int               // that have been said to their ends
}

// A place is where a request's output goes on.
type place struct {
	key, n uint64 // of the request, and of the output in it
	tokens []int32
	at     int
}

// expect notes the token that will be asked for at a place.
func (s *script) expect(p place) {
	if s.pending == nil {
		s.pending = map[float64]place{}
	}
	s.pending[rng.At(s.seed, rng.Sample, p.key, p.n, uint64(p.at)).Float64()] = p
}

// next returns the token that a random number is for, and expects the one after it.
func (s *script) next(u float64) (id int32, ok bool) {
	p, ok := s.pending[u]
	if !ok {
		return 0, false
	}
	delete(s.pending, u)
	id = p.tokens[p.at]
	if p.at++; p.at < len(p.tokens) {
		s.expect(p)
	} else {
		s.outputs++
	}
	return id, true
}

// asked is the kind of all questions.
var asked = task.All()[0]

// The answer that is right, and one that is not.
const right, wrong = "The answer is red", "The answer is blue"

// ask lays down the replies to an ask: every second answer is right, votes find it so but for the first
// one, and without documents the answer is wrong.
func (s *script) ask(a *play.Ask) error {
	kind, number, _ := strings.Cut(a.Name, "/")
	for k := range a.N {
		head, tail := "", wrong
		switch {
		case kind == "ask":
			head, tail = "```json\n{\"question\": \"What is", "\", \"answer\": \"red\"}\n```"
		case kind == "respond" && k%2 == 0:
			tail = right
		case kind == "verify":
			answer, err := strconv.Atoi(number)
			if err != nil {
				return fmt.Errorf("%s: the number of an answer is expected behind the stroke", a.Name)
			}
			tail = "[[NO]]"
			if (answer%2 == 0) != (k == 0) {
				tail = "[[YES]]"
			}
		}
		tokens, err := s.reply(head, tail, a.Max)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		s.expect(place{key: a.Key, n: uint64(k), tokens: tokens})
	}
	return nil
}

// reply returns n tokens that begin and end with a text, the last of them the end.
func (s *script) reply(head, tail string, n int) ([]int32, error) {
	first, last, filler := s.tok.Encode(head), append(s.tok.Encode(tail), s.end), s.tok.Encode(" so")
	if len(first)+len(last) > n {
		return nil, fmt.Errorf("%q and %q take %d tokens, and an output has %d", head, tail, len(first)+len(last), n)
	}
	for len(first)+len(last) < n {
		first = append(first, filler[:min(len(filler), n-len(first)-len(last))]...)
	}
	return append(first, last...), nil
}

// A sampler is the CPU backend with a script.
type sampler struct {
	*cpu.Backend
	*script
}

// Sample draws a token per row, as the backend does, and those of the script where it has some.
func (s sampler) Sample(ids []int32, logp []float32, logits tensor.Mat, how []kernels.Sampling) {
	how = slices.Clone(how)
	wanted := map[int]int32{}
	for i := range how {
		if id, ok := s.next(how[i].U); ok {
			wanted[i] = id
			how[i].TopP, how[i].TopK = 1, 0 // the script may be beyond the cuts
			how[i].U = numberFor(id, tensor.Elems[float32](logits.Slice(i, i+1)), 1/how[i].Temperature)
		}
	}
	s.Backend.Sample(ids, logp, logits, how)
	for i, id := range wanted {
		if ids[i] != id {
			panic(fmt.Sprintf("the script's token %d was to be drawn, and %d was", id, ids[i]))
		}
	}
}

// numberFor returns the random number in the middle of those with which an id is drawn from logits z:
// ids are drawn from the most likely down, of equals the lower first.
func numberFor(id int32, z []float32, invTemp float32) float64 {
	top, at := slices.Max(z)*invTemp, z[id]*invTemp
	above, all := 0.0, 0.0
	for i, v := range z {
		v *= invTemp
		p := math.Exp(float64(v - top))
		all += p
		if v > at || v == at && i < int(id) {
			above += p
		}
	}
	return (above + math.Exp(float64(at-top))/2) / all
}

// A game is self-play whose players keep to a script.
type game struct {
	rl.Game
	script *script
}

// Draw returns the game's players, with the script told what each asks.
func (g game) Draw(round int) ([]play.Player, error) {
	players, err := g.Game.Draw(round)
	for i := range players {
		players[i] = player{players[i], g.script}
	}
	return players, err
}

type player struct {
	play.Player
	script *script
}

func (p player) Next(replies []play.Reply) ([]play.Ask, error) {
	asks, err := p.Player.Next(replies)
	for i := range asks {
		if err := p.script.ask(&asks[i]); err != nil {
			return nil, err
		}
	}
	return asks, err
}
