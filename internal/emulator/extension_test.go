package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// runExtension is an extension that does what its file name says: a dash
// separated list of words, such as "invoke-shutdown" for what it subscribes,
// with "crash", "deaf", "initerror" or "exiterror" for how it goes wrong.
func runExtension(name string) int {
	words := strings.Split(name, "-")
	has := func(word string) bool {
		for _, w := range words {
			if w == word {
				return true
			}
		}
		return false
	}
	var events []string
	for _, event := range []string{"invoke", "shutdown"} {
		if has(event) {
			events = append(events, strings.ToUpper(event))
		}
	}
	fmt.Println("pid", os.Getpid())
	fmt.Println("environ", strings.Join(os.Environ(), " "))
	if has("mute") {
		return 3
	}
	c := extensionClient{api: os.Getenv("AWS_LAMBDA_RUNTIME_API")}
	status, answer := c.register(name, events)
	if status != http.StatusOK {
		fmt.Println("register", status, answer)
		return 1
	}
	fmt.Println("registered", answer)
	if has("initerror") {
		c.call("POST", "/init/error", map[string]string{"Lambda-Extension-Function-Error-Type": "Extension.BadConfig"}, nil)
		return 2
	}
	for {
		status, body := c.call("GET", "/event/next", nil, nil)
		if status != http.StatusOK {
			fmt.Println("event/next", status, body)
			return 1
		}
		var event struct{ EventType, ShutdownReason, RequestID string }
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			fmt.Println("event/next", err)
			return 1
		}
		fmt.Println("event", event.EventType, event.ShutdownReason+event.RequestID)
		switch {
		case event.EventType == "INVOKE" && has("crash"):
			return 7
		case event.EventType == "INVOKE" && has("exiterror"):
			c.call("POST", "/exit/error", map[string]string{"Lambda-Extension-Function-Error-Type": "Extension.Tired"}, nil)
			return 7
		case event.EventType == "SHUTDOWN" && has("deaf"):
			select {}
		case event.EventType == "SHUTDOWN":
			return 0
		}
	}
}

// extensionClient speaks the Extensions API, no more.
type extensionClient struct {
	api, id string
}

func (c *extensionClient) register(name string, events []string) (int, string) {
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		return 0, err.Error()
	}
	return c.call("POST", "/register", map[string]string{"Lambda-Extension-Name": name}, body)
}

func (c *extensionClient) call(method, path string, header map[string]string, body []byte) (int, string) {
	req, err := http.NewRequest(method, "http://"+c.api+"/2020-01-01/extension"+path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	if c.id != "" {
		req.Header.Set("Lambda-Extension-Identifier", c.id)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	if id := resp.Header.Get("Lambda-Extension-Identifier"); id != "" {
		c.id = id
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}
