package chat_test

import (
	"encoding/json"
	"fmt"
	"log"

	"spell/tokenizer/chat"
)

// A template turns a conversation into the text that a model was trained on.
func ExampleTemplate_Render() {
	template, err := chat.Parse("example", `{{ bos_token }}
{%- for message in messages %}
    {{- '<|' ~ message.role ~ '|>' ~ message.content | trim ~ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}`)
	if err != nil {
		log.Fatal(err)
	}
	text, err := template.Render(chat.Context{
		Messages: []chat.Message{
			{Role: "system", Content: "Answer in one word."},
			{Role: "user", Content: "  Which river passes the mill?  "},
		},
		AddGenerationPrompt: true,
		Vars:                map[string]json.RawMessage{"bos_token": json.RawMessage(`"<s>"`)},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(text)
	// Output:
	// <s><|system|>Answer in one word.
	// <|user|>Which river passes the mill?
	// <|assistant|>
}
