package tokenizer

import "testing"

func TestShield(t *testing.T) {
	tok := withAdded(t, nil, object{"content": "<a>"}, object{"content": "<a><b>"}, object{"content": "漢b"},
		object{"content": "<n>", "normalized": true})
	for _, text := range []string{"", "x", "<a>", "<a><b>", "x<<a>>漢b", "<n><a", shield,
		shield + shield + "<a>" + shield, "<a>" + shield + "<n>"} {
		got := tok.EncodeShielded("<a>" + tok.Shield(text) + "<n>")
		if want := "[298]" + text + "[301]"; show(tok, got) != want {
			t.Errorf("%q encodes to %q, want %q", text, show(tok, got), want)
		}
	}
	if got := show(tok, tok.EncodeSpecial(shield+"<a>")); got != shield+"[298]" {
		t.Errorf("EncodeSpecial changes text: %q", got)
	}
}
