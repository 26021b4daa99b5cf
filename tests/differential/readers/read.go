// Reads lines `{"kind": "json" | "form", "data": base64}`; writes what Go makes of each, or why it does not.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/url"
	"os"
)

type asked struct {
	Kind string `json:"kind"`
	Data []byte `json:"data"`
}

func read(question asked) (any, error) {
	if question.Kind == "form" {
		values, err := url.ParseQuery(string(question.Data))
		return map[string][]string(values), err
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(question.Data))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return value, err
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	answers := bufio.NewWriter(os.Stdout)
	defer answers.Flush()
	for lines.Scan() {
		var question asked
		if err := json.Unmarshal(lines.Bytes(), &question); err != nil {
			panic(err)
		}
		said := map[string]any{}
		if value, err := read(question); err != nil {
			said["error"] = err.Error()
		} else {
			said["value"] = value
		}
		encoder := json.NewEncoder(answers)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(said); err != nil {
			panic(err)
		}
	}
}
