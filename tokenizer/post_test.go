package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

func TestBegin(t *testing.T) {
	begin := map[string][]int32{"llama3_1": {128000}}
	eachFamily(t, func(t *testing.T, name string, tok *Tokenizer) {
		if got, want := tok.Begin(), begin[name]; !slices.Equal(got, want) {
			t.Errorf("a text begins with %v, want %v", got, want)
		}
		if got := tok.End(); got != nil {
			t.Errorf("a text ends with %v, want nothing", got)
		}
	})
}

func TestPostProcessor(t *testing.T) {
	template := func(single ...any) object {
		return object{"type": "TemplateProcessing", "single": single, "special_tokens": object{
			"<s>": object{"id": "<s>", "ids": []int{298}}, "</s>": object{"id": "</s>", "ids": []int{299, 299}},
			"<x>": object{"id": "<x>", "ids": []int{99999}}}}
	}
	special := func(id string) any { return object{"SpecialToken": object{"id": id, "type_id": 0}} }
	text := object{"Sequence": object{"id": "A", "type_id": 0}}
	for _, c := range []struct {
		post       any
		begin, end []int32
		err        string
	}{
		{nil, nil, nil, ""},
		{object{"type": "ByteLevel"}, nil, nil, ""},
		{template(special("<s>"), text, special("</s>")), []int32{298}, []int32{299, 299}, ""},
		{object{"type": "Sequence", "processors": []any{object{"type": "ByteLevel"}, template(special("<s>"), text), template(special("</s>"), text, special("<s>"))}},
			[]int32{299, 299, 298}, []int32{298}, ""},
		{template(special("<s>")), nil, nil, "does not hold the text once"},
		{template(special("<y>"), text), nil, nil, `names the token "<y>"`},
		{template(special("<x>"), text), nil, nil, "id 99999"},
		{object{"type": "BertProcessing"}, nil, nil, `post_processor "BertProcessing" is not supported`},
		{3, nil, nil, "post_processor is not a component"},
	} {
		o := smallObject(t)
		o["added_tokens"] = []any{
			object{"id": 298, "content": "<s>", "special": true},
			object{"id": 299, "content": "</s>", "special": true},
		}
		o["post_processor"] = c.post
		tok, err := Parse(marshal(t, o), "edited")
		if err != nil || c.err != "" {
			if err == nil || c.err == "" || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v: error %v, want %q", c.post, err, c.err)
			}
			continue
		}
		if !slices.Equal(tok.Begin(), c.begin) || !slices.Equal(tok.End(), c.end) {
			t.Errorf("%v: begin %v, end %v; want %v, %v", c.post, tok.Begin(), tok.End(), c.begin, c.end)
		}
	}
}
