package role_test

import (
	"fmt"

	"spell/rl/role"
	"spell/rl/task"
)

// Prompts over equal documents begin with the same text, so that a model reads it once.
func ExamplePrompts() {
	p, err := role.Load("compact")
	if err != nil {
		panic(err)
	}
	docs := []string{"home Tolan Norvale .", "mayor Norvale Kestor ."}
	prefix, ask := p.Questioner(task.GeneralQA, docs, nil, role.Drawn{Letter: ""})
	_, answer := p.Responder(task.GeneralQA, docs, task.Question{Text: "what is the home of Tolan ?"})
	fmt.Printf("%s--\n%s\n--\n%s\n", prefix, ask, answer)
	// Output:
	// home Tolan Norvale .
	// mayor Norvale Kestor .
	// --
	// ask text :
	// --
	// question : what is the home of Tolan ?
	// answer :
}
