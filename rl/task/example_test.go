package task_test

import (
	"fmt"

	"spell/rl/task"
)

// A questioner's reply becomes a question, a responder's an answer, and the task's rule compares
// it with the reference.
func Example() {
	t, err := task.Parse("numeric")
	if err != nil {
		panic(err)
	}
	asked := "8 to 9 million is …\n```json\n{\"question\": \"By how many percent?\", \"answer\": 12.5}\n```"
	q, verdict := t.ReadQuestion(task.JSON, asked, nil)
	answer, stated := t.ReadAnswer(task.JSON, "Since 9 / 8 = 1.125, the answer is (12.51 %).")
	fmt.Println(q.Text, q.Answer, verdict == task.OK)
	fmt.Println(answer, stated, t.Match(task.Rules{Strict: true}, answer, q.Answer))
	// Output:
	// By how many percent? 12.5 true
	// 12.51 % true true
}
