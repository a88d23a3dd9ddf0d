package reward

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"spell/rl/role"
)

func TestQuestioner(t *testing.T) {
	c := Default()
	tests := []struct {
		o         Outcome
		passes, g int
		want      float64
	}{
		{Answered, 0, 8, 0}, {Answered, 1, 8, 0.0796}, {Answered, 2, 8, 0.3247}, {Answered, 3, 8, 0.7548}, {Answered, 4, 8, 1},
		{Answered, 5, 8, 0.7548}, {Answered, 6, 8, 0.3247}, {Answered, 7, 8, 0.0796}, {Answered, 8, 8, 0},
		{BadFormat, 4, 8, -1}, {Ungrounded, 4, 8, -0.5}, {Answered, 0, 0, 0}, {Answered, 1, 1, 0},
	}
	for _, tt := range tests {
		if got := c.Questioner(tt.o, tt.passes, tt.g); math.Abs(got-tt.want) > 5e-5 {
			t.Errorf("Questioner(%d, %d of %d) = %.5f, want %.4f", tt.o, tt.passes, tt.g, got, tt.want)
		}
	}
}

// TestShapes: every shape has a name that survives, rewards an even split most or falls with the
// rate, and gives nothing where the answers agree. The doc tag of the setting names it.
func TestShapes(t *testing.T) {
	want := map[string]func(rate float64) float64{
		"gaussian": func(rate float64) float64 { return math.Exp(-18 * (rate - 0.5) * (rate - 0.5)) },
		"reverse":  func(rate float64) float64 { return 1 - rate },
		"triangle": func(rate float64) float64 { return min(2*rate, 2-2*rate) },
		"variance": func(rate float64) float64 { return math.Exp(-50 * math.Pow(rate*(1-rate)-0.25, 2)) },
	}
	field, _ := reflect.TypeFor[Config]().FieldByName("Shape")
	for i := range shapes {
		c := Default()
		c.Shape = Shape(i)
		name := c.Shape.String()
		if !strings.Contains(field.Tag.Get("doc"), name) {
			t.Errorf("the doc tag of the setting does not say what %s is", name)
		}
		if back, err := ParseShape(name); err != nil || back != c.Shape {
			t.Errorf("%s reads back as %v, %v", name, back, err)
		}
		if want[name] == nil {
			t.Fatalf("no test says what %s is", name)
		}
		for passes := 1; passes < 8; passes++ {
			rate := float64(passes) / 8
			if got := c.Questioner(Answered, passes, 8); math.Abs(got-want[name](rate)) > 1e-12 {
				t.Errorf("%s of %d/8 is %g, want %g", name, passes, got, want[name](rate))
			}
		}
		if c.Questioner(Answered, 8, 8) != 0 || c.Questioner(Answered, 0, 8) != 0 ||
			c.Questioner(BadFormat, 0, 0) != -1 {
			t.Errorf("%s: unanimous or failed questions have the wrong reward", name)
		}
	}
	if _, err := ParseShape("square"); err == nil || !strings.Contains(err.Error(), "gaussian, reverse, triangle") {
		t.Errorf("an unknown shape gives %v", err)
	}
}

func votes(s string) []role.Vote {
	kinds := map[rune]role.Vote{'y': role.Yes, 'n': role.No, '?': role.Invalid}
	var v []role.Vote
	for _, r := range s {
		v = append(v, kinds[r])
	}
	return v
}

func TestMajority(t *testing.T) {
	tests := []struct {
		votes string
		want  bool
	}{
		{"yyyyynnn", true}, {"yyyynnnn", false}, {"nnnnyyyy", false}, {"yyynnnnn", false}, {"yyyy????", false}, {"yyyyy???", true},
		{"yyyy?nnn", false}, {"????????", false}, {"yyn", true}, {"y", true}, {"", false},
	}
	for _, tt := range tests {
		v := votes(tt.votes)
		if got := Count(v).Majority(); got != tt.want {
			t.Errorf("majority of %q = %v, want %v", tt.votes, got, tt.want)
		}
		// Stopping early must never give another result, and every full vote is settled.
		for cast := range len(v) + 1 {
			got, settled := Count(v[:cast]).Settled(len(v))
			if settled && got != tt.want {
				t.Errorf("%q is settled as %v after %d votes, want %v", tt.votes, got, cast, tt.want)
			}
			if cast == len(v) && !settled {
				t.Errorf("%q is never settled", tt.votes)
			}
		}
	}
	if _, settled := Count(votes("yyyy")).Settled(8); settled {
		t.Error("4 of 8 settle a vote")
	}
	if _, settled := Count(votes("nnnn")).Settled(8); !settled {
		t.Error("4 NO of 8 leave at best a tie, which is NO")
	}
}

// TestDecisions: votes are yes, no or neither. A tie refuses, and by plurality neither may win.
func TestDecisions(t *testing.T) {
	for _, tt := range []struct {
		votes           string
		most, plurality Decision
	}{
		{"", Undecided, Undecided}, {"y", Accepted, Accepted}, {"yyyyynnn", Accepted, Accepted},
		{"yyyynnnn", Refused, Refused}, {"nnnnyyyy", Refused, Refused}, {"yyyy????", Refused, Refused},
		{"yyy??nnn", Refused, Refused}, {"yyy???nn", Refused, Refused}, {"yyyy??nn", Refused, Accepted},
		{"yy????nn", Refused, Undecided}, {"????????", Refused, Undecided},
	} {
		c := Default()
		for plurality, want := range map[bool]Decision{false: tt.most, true: tt.plurality} {
			c.Plurality = plurality
			if got := c.Decide(Count(votes(tt.votes))); got != want {
				t.Errorf("%q decide %d with plurality %v, want %d", tt.votes, got, plurality, want)
			}
		}
	}
}

func TestVerifier(t *testing.T) {
	c := Default()
	for _, tt := range []struct {
		v    role.Vote
		d    Decision
		want float64
	}{
		{role.Yes, Accepted, 1}, {role.Yes, Refused, 0}, {role.No, Refused, 1}, {role.No, Accepted, 0},
		{role.Invalid, Refused, 0}, {role.Invalid, Accepted, 0}, {role.Yes, Undecided, 0},
	} {
		if got := c.Verifier(tt.v, tt.d); got != tt.want {
			t.Errorf("Verifier(%d, %v) = %g, want %g", tt.v, tt.d, got, tt.want)
		}
	}
	c.InvalidVote = -1
	for _, tt := range []struct {
		v role.Vote
		d Decision
	}{{role.Invalid, Refused}, {role.Yes, Undecided}, {role.Invalid, Undecided}} {
		if got := c.Verifier(tt.v, tt.d); got != -1 {
			t.Errorf("vote %d = %g where %d is decided, want −1", tt.v, got, tt.d)
		}
	}
}

// TestResponder: the rewards of an answer that the rule and the votes refuse, that the rule alone accepts, the votes
// alone and both, and of one without votes that the rule refuses and accepts.
func TestResponder(t *testing.T) {
	for combine, want := range map[string][6]float64{
		"max": {0, 1, 1, 1, 0, 1}, "mean": {0, 0.5, 0.5, 1, 0, 1}, "min": {0, 0, 0, 1, 0, 1}, "sum": {0, 1, 1, 2, 0, 1},
	} {
		c := Default()
		c.Combine = combine
		for i, tt := range []struct {
			rule bool
			vote Decision
		}{
			{false, Refused}, {true, Refused}, {false, Accepted}, {true, Accepted}, {false, Undecided},
			{true, Undecided},
		} {
			points, got := c.Responder(tt.rule, tt.vote)
			if got != want[i] || points < 0 || points > MaxPoints || (points == 0) != (got == 0) {
				t.Errorf("%s of rule %v and votes %d is %g, %d points; want %g", combine, tt.rule, tt.vote, got, points,
					want[i])
			}
		}
	}
}
