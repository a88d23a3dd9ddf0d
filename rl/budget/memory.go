package budget

import (
	"fmt"

	"spell/kernels"
)

// A Memory is bytes by where they lie: on a device that computes, or with the host. Without a device all are the
// host's.
type Memory struct{ Device, Host int64 }

// Available returns what a run on b has, with so many bytes of the host's. 0 is a machine that does not tell, which
// bounds nothing.
func Available(b kernels.Backend, host int64) Memory {
	m := Memory{Host: host}
	if d, ok := b.(kernels.DeviceMemory); ok {
		if free, err := d.FreeBytes(); err == nil {
			m.Device = max(int64(free), 1)
		}
	}
	return m
}

// OnDevice reports whether b computes on a device with memory of its own.
func OnDevice(b kernels.Backend) bool {
	_, ok := b.(kernels.DeviceMemory)
	return ok
}

// Within reports whether a run that needs m has enough.
func (m Memory) Within(has Memory) bool { return m.beyond(has) == 0 }

// beyond returns the bytes that are missing.
func (m Memory) beyond(has Memory) (n int64) {
	if has.Device > 0 {
		n += max(0, m.Device-has.Device)
	}
	if has.Host > 0 {
		n += max(0, m.Host-has.Host)
	}
	return n
}

// Without returns m without a part of each, such as a sixteenth.
func (m Memory) Without(part int64) Memory {
	return Memory{m.Device - m.Device/part, m.Host - m.Host/part}
}

// Total returns the bytes wherever they lie.
func (m Memory) Total() int { return int(m.Device + m.Host) }

// String writes the memory by where it lies.
func (m Memory) String() string {
	if m.Device == 0 {
		return Bytes(m.Host)
	}
	return Bytes(m.Device) + " on the GPU and " + Bytes(m.Host) + " of the host's"
}

// Sentence says what a run that does not fit needs of what it lacks.
func Sentence(need, has Memory) string {
	if need.Device == 0 {
		return fmt.Sprintf("the run needs %s and %s are available%s", Bytes(need.Host), Bytes(has.Host), Limit)
	}
	device := fmt.Sprintf("the run needs %s on the GPU and %s are available there", Bytes(need.Device),
		Bytes(has.Device))
	host := fmt.Sprintf("%s of the host's memory and %s are available%s", Bytes(need.Host), Bytes(has.Host), Limit)
	switch onDevice, onHost := (Memory{Device: need.Device}), (Memory{Host: need.Host}); {
	case onHost.Within(has):
		return device
	case onDevice.Within(has):
		return "the run needs " + host
	}
	return device + ", and " + host
}

// Limit says what keeps the available memory of the host below the machine's, behind a space; empty if nothing
// does. The program sets it when it starts.
var Limit string
