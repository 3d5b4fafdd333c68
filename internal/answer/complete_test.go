package answer_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
)

func sqsMessage(id, receives, arn, group string) string {
	if group != "" {
		group = `,"MessageGroupId":"` + group + `"`
	}
	return fmt.Sprintf(`{"messageId":%q,"body":"x","attributes":{"ApproximateReceiveCount":%q%s},"eventSource":"aws:sqs","eventSourceARN":%q}`, id, receives, group, arn)
}

const (
	queue = "arn:aws:sqs:eu-west-1:1:orders"
	fifo  = "arn:aws:sqs:eu-west-1:1:orders.fifo"
)

// remove takes records out of an event and fails the test if that fails.
func remove(t *testing.T, raw string, bad []int, s answer.Settings) answer.Removal {
	t.Helper()
	ev := decode(raw)
	records, _ := answer.Records([]byte(raw), ev)
	if len(records) == 0 {
		t.Fatalf("%s event without removable records: %s", ev.Source, raw)
	}
	out, err := answer.Remove([]byte(raw), ev, records, bad, id, s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func batchOf(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

// B13: what the event source mapping takes for success becomes a partial one,
// what it takes for a failure stays what it is.
func TestB13CompletionOfPartialResponses(t *testing.T) {
	t.Parallel()
	raw := batchOf(sqsMessage("a", "1", queue, ""), sqsMessage("b", "1", queue, ""), sqsMessage("c", "2", queue, ""))
	out := remove(t, raw, []int{0, 2}, answer.Settings{})
	const ours = `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`
	tests := []struct{ name, reply, want string }{ // want is empty for untouched
		{"nothing", ``, ours},
		{"white space", "\n", ours},
		{"null", `null`, ours},
		{"an empty object", `{}`, ours},
		{"an empty object with white space", "{ }", `{ "batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`},
		{"a text", `"ok"`, ours},
		{"a list", `[1,2]`, ours},
		{"a number", ` 3 `, ours},
		{"another object", `{"statusCode": 200}`, `{"statusCode": 200,"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`},
		{"no failure", `{"batchItemFailures": []}`, `{"batchItemFailures": [{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`},
		{"no list", `{ "batchItemFailures" : null , "x":"}" }`, `{ "batchItemFailures" : [{"itemIdentifier":"a"},{"itemIdentifier":"c"}] , "x":"}" }`},
		{"a failure of its own", `{"batchItemFailures":[ {"itemIdentifier":"b", "x":1} ]}`, `{"batchItemFailures":[ {"itemIdentifier":"b", "x":1} ,{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`},
		{"an id that is ours", `{"batchItemFailures":[{"itemIdentifier":"c"}]}`, `{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"}]}`},
		{"all that are ours", `{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"}]}`, ""},
		{"an escaped id", `{"batchItemFailures":[{"itemIdentifier":"\u0061"}]}`, `{"batchItemFailures":[{"itemIdentifier":"\u0061"},{"itemIdentifier":"c"}]}`},
		{"no JSON", `{"batchItemFailures":`, ""},
		{"a list that is none", `{"batchItemFailures":"a"}`, ""},
		{"a list that is an object", `{"batchItemFailures":{}}`, ""},
		{"an empty identifier", `{"batchItemFailures":[{"itemIdentifier":""}]}`, ""},
		{"a null identifier", `{"batchItemFailures":[{"itemIdentifier":null}]}`, ""},
		{"a number for an identifier", `{"batchItemFailures":[{"itemIdentifier":1}]}`, ""},
		{"an entry with another key", `{"batchItemFailures":[{"id":"b"}]}`, ""},
		{"an entry with two", `{"batchItemFailures":[{"itemIdentifier":"b","itemIdentifier":"c"}]}`, ""},
		{"an entry that is none", `{"batchItemFailures":["b"]}`, ""},
		{"two lists", `{"batchItemFailures":[],"batchItemFailures":[]}`, ""},
	}
	for _, tt := range tests {
		if got := string(out.Complete([]byte(tt.reply))); got != tt.want {
			t.Errorf("Complete(%s) = %s, want %s", tt.name, got, tt.want)
		}
	}
}

// B8: a message is reported until its third receive, those of a FIFO queue
// never, and none with MERLON_SQS=ack.
func TestB8WhatTheQueueHears(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		bad      string
		settings answer.Settings
		reported bool
	}{
		{"first receive", sqsMessage("bad", "1", queue, ""), answer.Settings{}, true},
		{"second receive", sqsMessage("bad", "2", queue, ""), answer.Settings{}, true},
		{"third receive", sqsMessage("bad", "3", queue, ""), answer.Settings{}, false},
		{"hundredth receive", sqsMessage("bad", "100", queue, ""), answer.Settings{}, false},
		{"a count that is none", sqsMessage("bad", "many", queue, ""), answer.Settings{}, false},
		{"no id", sqsMessage("", "1", queue, ""), answer.Settings{}, false},
		{"acknowledge", sqsMessage("bad", "1", queue, ""), answer.Settings{AckSQS: true}, false},
		{"FIFO by group", sqsMessage("bad", "1", queue, "g"), answer.Settings{}, false},
		{"FIFO by name", sqsMessage("bad", "1", fifo, ""), answer.Settings{}, false},
	}
	for _, tt := range tests {
		good := sqsMessage("good", "1", queue, "")
		if strings.Contains(tt.bad, ".fifo") {
			good = sqsMessage("good", "1", fifo, "")
		}
		out := remove(t, batchOf(good, tt.bad), []int{1}, tt.settings)
		if string(out.Event) != batchOf(good) {
			t.Errorf("%s: delivered %s", tt.name, out.Event)
		}
		if got := string(out.Complete([]byte(`null`))); (got != "") != tt.reported {
			t.Errorf("%s: completed %q, want reported %t", tt.name, got, tt.reported)
		}
		want := `{"batchItemFailures":[]}`
		if tt.reported {
			want = `{"batchItemFailures":[{"itemIdentifier":"bad"}]}`
		}
		if got := remove(t, batchOf(tt.bad), []int{0}, tt.settings); got.Reply == nil || got.Reply.Error || string(got.Reply.Body) != want {
			t.Errorf("%s, alone: %+v, want %s", tt.name, got.Reply, want)
		}
	}
}

// B8: messages of a FIFO group are delivered in the order of the event, and what
// the function reports itself stays as it is.
func TestB8FIFOKeepsItsOrder(t *testing.T) {
	t.Parallel()
	var ms []string
	for i := range 6 {
		ms = append(ms, sqsMessage(fmt.Sprint(i), "1", fifo, string('g'+rune(i%2))))
	}
	out := remove(t, batchOf(ms...), []int{0, 3}, answer.Settings{})
	if want := batchOf(ms[1], ms[2], ms[4], ms[5]); string(out.Event) != want {
		t.Errorf("delivered %s, want %s", out.Event, want)
	}
	if got := out.Complete([]byte(`{"batchItemFailures":[{"itemIdentifier":"4"}]}`)); got != nil {
		t.Errorf("completed %s, want untouched", got)
	}
}

func firehoseRecord(id string) string {
	return fmt.Sprintf(`{"recordId":%q,"approximateArrivalTimestamp":1,"data":"eA=="}`, id)
}

func firehoseEvent(ids ...string) string {
	var rs []string
	for _, i := range ids {
		rs = append(rs, firehoseRecord(i))
	}
	return `{"invocationId":"i","deliveryStreamArn":"arn:aws:firehose:eu-west-1:1:deliverystream/d","region":"eu-west-1","records":[` + strings.Join(rs, ",") + `]}`
}

// The order of a Firehose answer is that of the event, and every byte of the
// function's stays.
func TestFirehoseCompletion(t *testing.T) {
	t.Parallel()
	ok := func(i string) string { return `{"recordId": "` + i + `", "result":"Ok","data":"eQ=="}` }
	failed := func(i string) string { return `{"recordId":"` + i + `","result":"ProcessingFailed","data":"eA=="}` }
	tests := []struct {
		name        string
		bad         []int
		reply, want string
	}{
		{"between", []int{1}, `{"records":[` + ok("0") + ` , ` + ok("2") + `]}`, `{"records":[` + ok("0") + ` , ` + failed("1") + `,` + ok("2") + `]}`},
		{"first", []int{0}, `{"records":[` + ok("1") + `,` + ok("2") + `],"x":1}`, `{"records":[` + failed("0") + `,` + ok("1") + `,` + ok("2") + `],"x":1}`},
		{"last", []int{2}, `{"records":[` + ok("0") + `,` + ok("1") + ` ]}`, `{"records":[` + ok("0") + `,` + ok("1") + `,` + failed("2") + ` ]}`},
		{"two at the front", []int{0, 1}, `{"records":[` + ok("2") + `]}`, `{"records":[` + failed("0") + `,` + failed("1") + `,` + ok("2") + `]}`},
		{"two at the end", []int{1, 2}, `{"records":[` + ok("0") + `]}`, `{"records":[` + ok("0") + `,` + failed("1") + `,` + failed("2") + `]}`},
		{"both ends", []int{0, 2}, `{"records":[` + ok("1") + `]}`, `{"records":[` + failed("0") + `,` + ok("1") + `,` + failed("2") + `]}`},
		{"an answer without records", []int{0, 2}, `{"records":[]}`, `{"records":[` + failed("0") + `,` + failed("2") + `]}`},
		{"another order", []int{1}, `{"records":[` + ok("2") + `,` + ok("0") + `]}`, `{"records":[` + ok("2") + `,` + ok("0") + `,` + failed("1") + `]}`},
		{"a record that was not sent", []int{1}, `{"records":[` + ok("0") + `,` + ok("1") + `]}`, ""},
		{"null", []int{1}, `null`, ""},
		{"no records", []int{1}, `{}`, ""},
		{"no JSON", []int{1}, `{"records":[`, ""},
		{"records twice", []int{1}, `{"records":[],"records":[]}`, ""},
	}
	for _, tt := range tests {
		out := remove(t, firehoseEvent("0", "1", "2"), tt.bad, answer.Settings{})
		if got := string(out.Complete([]byte(tt.reply))); got != tt.want {
			t.Errorf("Complete(%s) = %s, want %s", tt.name, got, tt.want)
		}
	}
	all := remove(t, firehoseEvent("0", "1"), []int{0, 1}, answer.Settings{})
	if all.Reply == nil || string(all.Reply.Body) != `{"records":[`+failed("0")+`,`+failed("1")+`]}` {
		t.Errorf("nothing left: %+v", all.Reply)
	}
}

// B16: each caller that goes by position or by name gets an answer for every
// element.
func TestB16ErrorsPerElement(t *testing.T) {
	t.Parallel()
	resolver := func(i int) string { return fmt.Sprintf(`{"arguments":{"i":%d},"info":{"fieldName":"f"}}`, i) }
	batch := `[` + resolver(0) + `,` + resolver(1) + `,` + resolver(2) + `]`
	refused := `{"data":null,"errorMessage":"request refused, verdict ` + id + `","errorType":"Merlon.Blocked"}`
	out := remove(t, batch, []int{0, 2}, answer.Settings{})
	if got := string(out.Complete([]byte(`[{"data":{"x":1}}]`))); string(out.Event) != `[`+resolver(1)+`]` || got != `[`+refused+`,{"data":{"x":1}},`+refused+`]` {
		t.Errorf("resolvers: delivered %s, completed %s", out.Event, got)
	}
	for _, reply := range []string{`[]`, `[1,2]`, `null`, `{"data":1}`, `[`} {
		if got := out.Complete([]byte(reply)); got != nil {
			t.Errorf("resolvers: Complete(%s) = %s, want untouched", reply, got)
		}
	}
	tasks := func(ts ...string) string {
		return `{"invocationSchemaVersion":"1.0","invocationId":"inv","job":{"id":"j"},"tasks":[` + strings.Join(ts, ",") + `]}`
	}
	task := func(i string) string {
		return `{"taskId":"` + i + `","s3Key":"k","s3VersionId":null,"s3BucketArn":"arn:aws:s3:::b"}`
	}
	failed := `{"taskId":"t","resultCode":"PermanentFailure","resultString":"request refused, verdict ` + id + `"}`
	all := remove(t, tasks(task("t")), []int{0}, answer.Settings{})
	if want := `{"invocationSchemaVersion":"1.0","treatMissingKeysAs":"PermanentFailure","invocationId":"inv","results":[` + failed + `]}`; all.Reply == nil || string(all.Reply.Body) != want {
		t.Errorf("tasks: %+v, want %s", all.Reply, want)
	}
	some := remove(t, tasks(task("t"), task("u")), []int{0}, answer.Settings{})
	if got := string(some.Complete([]byte(`{"results":[{"taskId":"u","resultCode":"Succeeded"}]}`))); got != `{"results":[`+failed+`,{"taskId":"u","resultCode":"Succeeded"}]}` {
		t.Errorf("tasks: completed %s", got)
	}
	publish := `{"info":{"channel":{"path":"/a/b","segments":["a","b"]},"operation":"PUBLISH"},"events":[{"id":"1","payload":{}},{"id":"2","payload":{}}]}`
	gone := `{"id":"2","error":"request refused, verdict ` + id + `"}`
	events := remove(t, publish, []int{1}, answer.Settings{})
	if got := string(events.Complete([]byte(`{"events":[{"id":"1","payload":{}}]}`))); got != `{"events":[{"id":"1","payload":{}},`+gone+`]}` {
		t.Errorf("events: completed %s", got)
	}
}

// B19: an event that nobody waits for is answered with success, never null.
func TestB19AsynchronousSuccess(t *testing.T) {
	t.Parallel()
	want := `{"merlon":"blocked","id":"` + id + `"}`
	for name, raw := range map[string]string{
		"SNS":         batchOf(`{"EventSource":"aws:sns","EventVersion":"1.0","Sns":{"MessageId":"m","Message":"x"}}`),
		"S3":          batchOf(`{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}`),
		"EventBridge": `{"version":"0","id":"e","detail-type":"Order","source":"shop","detail":{"x":1}}`,
		"SES, event":  ses("Event"),
	} {
		out := remove(t, raw, []int{0}, answer.Settings{})
		if out.Reply == nil || out.Reply.Error || string(out.Reply.Body) != want {
			t.Errorf("%s: %+v, want %s", name, out.Reply, want)
		}
	}
	for _, raw := range []string{batchOf(s3Record("k")), ses("Event"), `{"version":"0","id":"e","detail-type":"Order","source":"shop","detail":{"x":1}}`} {
		if out := remove(t, raw, []int{0}, answer.Settings{FailAsync: true}); out.Reply == nil || !out.Reply.Error {
			t.Errorf("%.40s, errors wanted: %+v", raw, out.Reply)
		}
	}
	if out := remove(t, ses("RequestResponse"), []int{0}, answer.Settings{FailAsync: true}); out.Reply == nil || string(out.Reply.Body) != `{"disposition":"STOP_RULE"}` {
		t.Errorf("SES, answer wanted: %+v", out.Reply)
	}
	if r := answer.Refuse(decode(`{"a":1}`), id, answer.Settings{}); r.ErrorType != "Function.MerlonBlocked" || !strings.Contains(string(r.Body), `"errorType":"Merlon.Blocked"`) {
		t.Errorf("direct: %+v", r)
	}
}

func ses(invocation string) string {
	return batchOf(`{"eventVersion":"1.0","eventSource":"aws:ses","ses":{"mail":{"messageId":"m","commonHeaders":{"subject":"s"}},"receipt":{"action":{"type":"Lambda","functionArn":"arn:x","invocationType":"` + invocation + `"}}}}`)
}

// B21: HTTP refusals are the same whatever was refused, at a balancer as well.
func TestB21RefusalsOfHTTPTellNothing(t *testing.T) {
	t.Parallel()
	for _, front := range []string{v2, url, rest, alb, lattice} {
		var all []string
		for _, payload := range []string{"1' or 1=1--", "<script>", strings.Repeat("x", 9000)} {
			var m map[string]any
			if err := json.Unmarshal([]byte(front), &m); err != nil {
				t.Fatal(err)
			}
			m["body"] = payload
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			r := answer.Refuse(decode(string(raw)), id, answer.Settings{Status: 403})
			all = append(all, string(r.Body))
			if r.Status != 403 || r.Error {
				t.Errorf("%s: %+v", front, r)
			}
		}
		if len(slices.Compact(all)) != 1 {
			t.Errorf("%s: refusals differ: %q", front, all)
		}
	}
}

const lattice = `{"version":"2.0","path":"/","method":"POST","headers":{"host":["h"]},"requestContext":{"serviceNetworkArn":"arn:x","serviceArn":"arn:y","targetGroupArn":"arn:z","region":"r","timeEpoch":"1"}}`

// Durable executions are refused in their own envelope, and only before their
// first step.
func TestB15DurableExecutions(t *testing.T) {
	t.Parallel()
	execution := `{"Id":"1","Type":"EXECUTION","Status":"STARTED","ExecutionDetails":{"InputPayload":"{\"a\":\"x\"}"}}`
	durable := func(ops string) string {
		return `{"DurableExecutionArn":"arn:x","CheckpointToken":"t","InitialExecutionState":{"Operations":[` + ops + `],"NextMarker":""}}`
	}
	first, later := decode(durable(execution)), decode(durable(execution+`,{"Id":"2","Type":"STEP","Status":"SUCCEEDED"}`))
	if first.Source != event.Durable || !answer.Refusable(first) || answer.Refusable(later) {
		t.Errorf("%s: refusable %t, later %t, want true, false", first.Source, answer.Refusable(first), answer.Refusable(later))
	}
	r := answer.Refuse(first, id, answer.Settings{})
	if want := `{"Status":"FAILED","Error":{"ErrorType":"Merlon.Blocked","ErrorMessage":"request refused, verdict ` + id + `"}}`; r.Error || string(r.Body) != want {
		t.Errorf("refusal %s, want %s", r.Body, want)
	}
}

// Completion never panics, never loses a byte of what it adds to, and what it
// returns is JSON.
func FuzzComplete(f *testing.F) {
	raw := batchOf(sqsMessage("a", "1", queue, ""), sqsMessage("b", "1", queue, ""))
	for _, s := range []string{`null`, `{}`, `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, `{"records":[{"recordId":"1"}]}`, `[1]`} {
		f.Add([]byte(s))
	}
	sets := []string{raw, firehoseEvent("0", "1", "2"), `[{"arguments":{},"info":{}},{"arguments":{},"info":{}}]`}
	f.Fuzz(func(t *testing.T, reply []byte) {
		for _, raw := range sets {
			out := remove(t, raw, []int{1}, answer.Settings{})
			before := string(reply)
			got := out.Complete(reply)
			if string(reply) != before || got != nil && !json.Valid(got) {
				t.Fatalf("Complete(%q) = %q", before, got)
			}
		}
	})
}
