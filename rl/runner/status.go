package runner

import (
	"fmt"
	"time"
)

// A place is where a run is.
type place struct {
	doing       string
	step, steps int    // the step at work, of all; 0 while none is
	far         string // how far it is; empty if nobody knows
	tokens      int    // that went through the model in it
}

func (p place) String() string {
	s := p.doing
	if p.step > 0 {
		s = fmt.Sprintf("step %d of %d: %s", p.step, p.steps, s)
	}
	if p.far != "" {
		s += ", " + p.far + " done"
	}
	return s
}

// A motion is where a run is and how it came there.
type motion struct {
	at      place
	moved   time.Time     // when it came there
	longest time.Duration // that it was at one place
	told    bool          // that it has not moved for long
}

// move notes that the run is at a place.
func (m *motion) move(to place, now time.Time) {
	if to == m.at {
		return
	}
	if !m.moved.IsZero() {
		m.longest = max(m.longest, now.Sub(m.moved))
	}
	m.at, m.moved, m.told = to, now, false
}

// sentence says where the run is, and since when.
func (m *motion) sentence(now time.Time) string {
	if m.at == (place{}) {
		return "nothing has begun yet"
	}
	return fmt.Sprintf("%v; it last moved %s ago", m.at, about(now.Sub(m.moved)))
}

// A run that has not moved for this long, and for so many times the longest that it ever took to, is said to
// stand still. stillEvery is how often it is looked at.
const (
	stillAfter = 10 * time.Minute
	stillTimes = 3
	stillEvery = time.Minute
)

// still reports whether the run stands still and nobody has told so.
func (m *motion) still(now time.Time) bool {
	return !m.told && m.at != (place{}) && now.Sub(m.moved) >= max(stillAfter, stillTimes*m.longest)
}

// phase notes what the run does between steps, of which nobody knows how far it is.
func (c *Console) phase(doing string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.motion.move(place{doing: doing}, c.now())
}

// Tell says where the run is, how far, and when it last moved.
func (c *Console) Tell() {
	c.mu.Lock()
	said := c.motion.sentence(c.now())
	c.mu.Unlock()
	c.Note(said)
}

// guard says what Tell does, once, whenever the run stands still.
func (c *Console) guard() (stop func()) {
	tick, done := time.NewTicker(stillEvery), make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				c.tellStill()
			case <-done:
				tick.Stop()
				return
			}
		}
	}()
	return func() { close(done) }
}

func (c *Console) tellStill() {
	c.mu.Lock()
	still := c.motion.still(c.now())
	c.motion.told = c.motion.told || still
	c.mu.Unlock()
	if still {
		c.Tell()
	}
}
