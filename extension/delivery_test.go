package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// notEvents are the files of aws-lambda-go's events/testdata that are no event:
// replies of functions, and one file that is malformed on purpose. A file that
// a new version of the module adds is taken for an event.
var notEvents = []string{
	"alb-lambda-target-response.json", "apigw-custom-auth-response.json", "apigw-response.json",
	"appsync-lambda-auth-response.json", "dynamodb-event-malformed.2.json", "iot-custom-auth-response.json",
	"iot-preprovision-hook-response.json", "kinesis-analytics-output-delivery-response.json",
	"kinesis-firehose-response.json", "lambda-urls-response.json", "lex-response.json", "s3-batch-job-event-response.json",
}

// sampleEvents returns aws-lambda-go's sample events.
func sampleEvents(t *testing.T) map[string][]byte {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		t.Fatalf("find aws-lambda-go: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "events", "testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	events := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		events[filepath.Base(f)] = data
	}
	for _, name := range notEvents {
		if events[name] == nil {
			t.Errorf("%s is listed as no event and does not exist", name)
		}
		delete(events, name)
	}
	return events
}

type arrival struct {
	SHA256      string `json:"sha256"`
	Size        int    `json:"size"`
	Invocations int    `json:"invocations"`
}

// TestBenignEventsArriveByteForByte invokes the function with every sample event
// in block mode.
func TestBenignEventsArriveByteForByte(t *testing.T) {
	events := sampleEvents(t)
	if len(events) < 90 {
		t.Fatalf("found %d sample events, want at least 90", len(events))
	}
	e := protected(t, "plain", block)
	for name, data := range events {
		r := e.invoke(t, string(data))
		var got arrival
		if err := json.Unmarshal(r.Payload, &got); err != nil {
			t.Errorf("%s: reply %.200s: %v", name, r.Payload, err)
			continue
		}
		if sum := sha256.Sum256(data); got.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: the handler saw other bytes than were sent", name)
		}
	}
	t.Logf("%d sample events delivered", len(events))
}
