package chat

// Templates returns the texts of the model's chat templates by name; "default" is the one that renders
// if none is chosen.
func (d *Dialog) Templates() map[string]string {
	all := map[string]string{}
	if d.side != nil {
		for name, s := range d.side.sources {
			all[name] = s.text
		}
	}
	return all
}

// Named returns the id of the special token that the files of the model call name, such as bos_token;
// false if they name none, or one that the vocabulary lacks.
func (d *Dialog) Named(name string) (int32, bool) {
	if d.side == nil {
		return 0, false
	}
	text, ok := d.side.variables[name].(string)
	if !ok {
		return 0, false
	}
	return d.Tok.TokenID(text)
}
