package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// events writes events to a file, by id.
func eventsFile(t *testing.T, events ...[2]string) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		id, err := json.Marshal(e[0])
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(`{"id":` + string(id) + `,"event":` + e[1] + "}\n")
	}
	name := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// post is an event of an HTTP API.
func post(body string) string {
	quoted, err := json.Marshal(body)
	if err != nil {
		panic("bug: a string always marshals")
	}
	return `{"version":"2.0","routeKey":"POST /orders","rawPath":"/orders","rawQueryString":"","headers":{"host":"example.com","content-type":"application/json"},` +
		`"requestContext":{"http":{"method":"POST","path":"/orders","sourceIp":"203.0.113.7"},"stage":"$default"},"isBase64Encoded":false,"body":` + string(quoted) + `}`
}

// queue is an event of SQS with two records.
func queue(first, second string) string {
	record := func(body string) string {
		quoted, err := json.Marshal(body)
		if err != nil {
			panic("bug: a string always marshals")
		}
		return `{"messageId":"1","receiptHandle":"h","body":` + string(quoted) + `,"attributes":{},"messageAttributes":{},"md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:q","awsRegion":"us-east-1"}`
	}
	return `{"Records":[` + record(first) + "," + record(second) + `]}`
}

const injection = `{"note":"x' UNION SELECT email, password FROM customers -- "}`

func TestReplaySaysWhatChanges(t *testing.T) {
	events := eventsFile(t,
		[2]string{"note", post(injection)}, [2]string{"clean", post(`{"note":"good morning"}`)},
		[2]string{"batch", queue(injection, `{"note":"good morning"}`)}, [2]string{"two", queue(injection, `{"file":"../../../../etc/passwd"}`)},
	)
	narrow := policyHead + "exceptions:\n  - {rule: 9100800-9100899, path: [body, note], reason: x}\n"
	wide := policyHead + "exceptions:\n  - {rule: 9100800-9100899, reason: x}\n"
	own := policyHead + "rules:\n  - {id: 7, when: 'method == \"POST\"', action: block, message: No posts}\n"
	for _, row := range []struct {
		name      string
		old, new  string
		code      int
		want, not []string
	}{
		{"the same", narrow, narrow, 0, []string{"4 events, 2 refused now", "4  as before"}, []string{"by rule"}},
		{"an exception", policyHead, narrow, exitChanged, []string{"1  no longer refused", "9100808 SQL by its tokens", "1  apigw-v2 POST /orders", "note  block -> allow"}, []string{"batch"}},
		{"and back", narrow, policyHead, exitRefused, []string{"1  newly refused", "events.jsonl:1", "note  allow -> block", "9100808 at body.note"}, nil},
		{"a wide one", policyHead, wide, exitChanged, []string{"2  no longer refused", "1  refused in another way", "batch  strip -> allow", "two  block -> strip  9100808 at Records[0].body.note"}, nil},
		{"a rule", policyHead, own, exitRefused, []string{"1  newly refused", "clean  allow -> block", "7 No posts", "7 at "}, []string{"note  "}},
		{"a threshold", policyHead, policyHead + "threshold: 100\n", exitChanged, []string{"3  no longer refused", "9100808"}, nil},
	} {
		code, out, errs := merlon(t, nil, "replay", "--policy", policyFile(t, row.new), "--against", policyFile(t, row.old), events)
		if code != row.code {
			t.Errorf("%s: exit %d, want %d: %s", row.name, code, row.code, errs)
		}
		for _, w := range row.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: does not say %q:\n%s", row.name, w, out)
			}
		}
		for _, w := range row.not {
			if strings.Contains(out, w) {
				t.Errorf("%s: says %q:\n%s", row.name, w, out)
			}
		}
	}
}

func TestReplayModes(t *testing.T) {
	events := eventsFile(t, [2]string{"note", post(injection)})
	monitor, block := policyFile(t, policyHead+"mode: monitor\n"), policyFile(t, policyHead+"mode: block\n")
	if code, out, _ := merlon(t, nil, "replay", "--policy", block, "--against", monitor, events); code != 0 {
		t.Errorf("in block mode: exit %d, %s", code, out)
	}
	if code, out, _ := merlon(t, nil, "replay", "--mode", "file", "--policy", block, "--against", monitor, events); code != exitRefused || !strings.Contains(out, "monitor -> block") {
		t.Errorf("in the files' modes: exit %d, %s", code, out)
	}
}

// TestReplayForPipelines: the files that pipelines read are well formed whatever
// the events say, and nothing to compare is no success.
func TestReplayForPipelines(t *testing.T) {
	hostile := "</failure>\"'<&>]]>\x1b[2J\u202e\u2028\x00"
	events := eventsFile(t, [2]string{hostile, post(injection)}, [2]string{"clean", post(`{}`)})
	dir := t.TempDir()
	unit, sarif := filepath.Join(dir, "out.xml"), filepath.Join(dir, "out.sarif")
	strict := policyFile(t, policyHead)
	lax := policyFile(t, policyHead+"exceptions:\n  - {rule: 1-99999999, reason: x}\n")
	code, out, errs := merlon(t, nil, "replay", "--json", "--junit", unit, "--sarif", sarif, "--policy", strict, "--against", lax, events)
	if code != exitRefused || !strings.Contains(errs, "1 event newly refused") {
		t.Errorf("exit %d, %s", code, errs)
	}
	var change struct {
		Line             int
		Change, Old, New string
		Rules            []struct{ ID int }
	}
	if err := json.Unmarshal([]byte(out), &change); err != nil || change.Change != "refused" || change.Line != 1 || change.New != "block" || len(change.Rules) == 0 {
		t.Errorf("%v: %s", err, out)
	}
	var suite junit
	data, err := os.ReadFile(unit)
	if err == nil {
		err = xml.Unmarshal(data, &suite)
	}
	if err != nil || suite.Tests != 2 || suite.Failures != 1 || suite.Cases[0].Failure == nil || suite.Cases[1].Failure != nil {
		t.Errorf("%v: %s", err, data)
	}
	if want := "</failure>\"'<&>]]><U+001B>[2J<U+202E><U+2028><U+0000>"; suite.Cases[0].Name != want {
		t.Errorf("name %q, want %q", suite.Cases[0].Name, want)
	}
	var log struct {
		Version string
		Runs    []struct {
			Results []struct{ RuleID, Level string }
		}
	}
	data, err = os.ReadFile(sarif)
	if err == nil {
		err = json.Unmarshal(data, &log)
	}
	if err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Results) == 0 || log.Runs[0].Results[0].Level != "error" || strings.Contains(string(data), "</") {
		t.Errorf("%v: %s", err, data)
	}
	for name, input := range map[string]string{"no events": "\n\n", "no JSON": "{", "no object": "[1]"} {
		if code, out, _ := merlon(t, strings.NewReader(input), "replay", "--policy", strict); code != 1 {
			t.Errorf("%s: exit %d, %s", name, code, out)
		}
	}
}
