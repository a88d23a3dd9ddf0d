package hf

import (
	"errors"
	"fmt"
	"slices"

	"spell/model"
)

// What layer_types calls the two kinds of attention.
const full, sliding = "full_attention", "sliding_attention"

// windows sets which layers of c have a window, as the class of its family reads the fields.
func (f *configFile) windows(c *model.Config, rule model.WindowRule) error {
	if c.Layers < 1 || c.Layers > model.MaxLayers { // Validate says so
		return nil
	}
	window := or(f.Window, nil)
	inForce := window != nil && (rule == model.EveryLayer || rule == model.SomeLayers && f.UseWindow)
	if inForce && *window < 1 {
		return fmt.Errorf("sliding_window is %d; it must be at least 1, or null for no window", *window)
	}
	for _, t := range f.LayerTypes {
		if t != full && t != sliding {
			return fmt.Errorf("layer_types has %.40q, which is not supported; %s and %s are", t, full, sliding)
		}
	}
	if n := len(f.LayerTypes); n > 0 && n != c.Layers {
		return fmt.Errorf("layer_types has %d entries for num_hidden_layers %d", n, c.Layers)
	}
	anySliding := slices.Contains(f.LayerTypes, sliding)
	switch rule {
	case model.NoWindow:
		if f.UseWindow || anySliding {
			return fmt.Errorf("model_type %s has no sliding window, but use_sliding_window or layer_types asks for "+
				"one; name the model's own type, or set them to false and to %s", c.Family, full)
		}
	case model.EveryLayer:
		c.Window = or(window, 0)
		if len(f.LayerTypes) > 0 && slices.Contains(f.LayerTypes, full) != (c.Window == 0) {
			return fmt.Errorf("layer_types and sliding_window disagree: every layer of model_type %s has the window "+
				"or, with null, none", c.Family)
		}
	case model.SomeLayers:
		if inForce {
			c.Window = *window
			f.setLayers(c)
		} else if anySliding {
			return errors.New("layer_types has sliding_attention, and use_sliding_window is false or sliding_window " +
				"null; set them, or the types to full_attention")
		}
	}
	return nil
}

// setLayers sets the layers of c that have its window. If there are none it has no window, if all
// have it there is no list.
func (f *configFile) setLayers(c *model.Config) {
	has := func(l int) bool { return l >= or(f.FullLayers, defaultFullLayers) }
	if len(f.LayerTypes) > 0 {
		has = func(l int) bool { return f.LayerTypes[l] == sliding }
	}
	n := 0
	list := make([]bool, c.Layers)
	for l := range list {
		if list[l] = has(l); list[l] {
			n++
		}
	}
	switch n {
	case 0:
		c.Window = 0
	case len(list):
	default:
		c.WindowLayers = list
	}
}

// defaultFullLayers is max_window_layers of the config classes that have it.
const defaultFullLayers = 28

// describeWindows writes the windows of c as the class of its family reads them.
func (f *configFile) describeWindows(c *model.Config, rule model.WindowRule) {
	switch {
	case rule == model.EveryLayer && c.Window == 0:
		f.Window = some(nil) // absent, it would have the class's value
		return
	case rule == model.NoWindow || c.Window == 0:
		return
	}
	f.Window = some(&c.Window)
	if rule == model.EveryLayer {
		return
	}
	f.UseWindow = true
	first := c.Layers
	for l := range c.Layers {
		if c.WindowLayers == nil || c.WindowLayers[l] {
			f.LayerTypes = append(f.LayerTypes, sliding)
			first = min(first, l)
		} else {
			f.LayerTypes = append(f.LayerTypes, full)
		}
	}
	f.FullLayers = &first // what older versions read, which know windows in the last layers alone
}
