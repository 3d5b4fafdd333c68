package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

// kept are settings under which removed records may go: what becomes of them is
// not the subject here.
func kept(o *emulator.Options) {
	block(o)
	o.Function.Env["MERLON_QUARANTINE"] = "off"
}

const union = "1' or '1'='1' union select password from users--"

func sqsMessage(id, receives, queue, body string) string {
	return fmt.Sprintf(`{"messageId":%q,"receiptHandle":"AQEB","body":%q,"attributes":{"ApproximateReceiveCount":%q},"messageAttributes":{},"md5OfBody":"x","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:%s","awsRegion":"us-east-1"}`,
		id, body, receives, queue)
}

func kinesisRecord(seq, key string) string {
	return fmt.Sprintf(`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":%q,"sequenceNumber":%q,"data":"eyJhIjoxfQ==","approximateArrivalTimestamp":1.0},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:%s","eventName":"aws:kinesis:record","awsRegion":"us-east-1","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s"}`,
		key, seq, seq)
}

func dynamoRecord(seq, note string) string {
	return fmt.Sprintf(`{"eventID":"e%s","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{"Keys":{"id":{"N":"1"}},"NewImage":{"note":{"S":%q}},"SequenceNumber":%q,"SizeBytes":26,"StreamViewType":"NEW_IMAGE"},"eventSourceARN":"arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2020"}`,
		seq, note, seq)
}

func snsRecord(message string) string {
	return fmt.Sprintf(`{"EventVersion":"1.0","EventSubscriptionArn":"arn:aws:sns:us-east-1:123456789012:t:s","EventSource":"aws:sns","Sns":{"MessageId":"m-1","Message":%q,"TopicArn":"arn:aws:sns:us-east-1:123456789012:t"}}`, message)
}

// TestBatchLosesOnlyItsBadRecord sends batches with an attack in one record to a
// real client of the Runtime API. The handler has to see the other records, byte
// for byte, and their source what it needs to hear.
func TestBatchLosesOnlyItsBadRecord(t *testing.T) {
	list := func(key string, rs ...string) string { return `{"` + key + `": [` + strings.Join(rs, " ,\n ") + `] }` }
	records := func(rs ...string) string { return list("Records", rs...) }
	sqs := func(ids ...string) string {
		var fs []string
		for _, id := range ids {
			fs = append(fs, `{"itemIdentifier":"`+id+`"}`)
		}
		return `[` + strings.Join(fs, ",") + `]`
	}
	a, b, c := sqsMessage("a", "1", "q", "first"), sqsMessage("b", "1", "q", union), sqsMessage("c", "1", "q", "third")
	tests := []struct {
		name, event, seen string
		failures          string // batchItemFailures in the reply, "" for none
		pointer           string // shown in the verdict
	}{
		{"SQS", records(a, b, c), records(a, c), sqs("b"), ""},
		{"SQS, the first", records(b, a, c), records(a, c), sqs("b"), ""},
		{"SQS, the last", records(a, c, b), records(a, c), sqs("b"), ""},
		{"SQS, third receive", records(a, sqsMessage("b", "3", "q", union), c), records(a, c), "", ""},
		{"SQS FIFO", records(sqsMessage("a", "1", "q.fifo", "x"), sqsMessage("b", "1", "q.fifo", union)), records(sqsMessage("a", "1", "q.fifo", "x")), "", ""},
		{"Kinesis", records(kinesisRecord("1", "p"), kinesisRecord("2", union)), records(kinesisRecord("1", "p")), "", "shardId-000000000006:2"},
		{"DynamoDB", records(dynamoRecord("7", union), dynamoRecord("8", "fine")), records(dynamoRecord("8", "fine")), "", "table/t/stream/2020 7"},
	}
	e := protected(t, "plain", kept)
	for _, tt := range tests {
		r := e.invoke(t, tt.event)
		var got struct {
			arrival
			BatchItemFailures json.RawMessage `json:"batchItemFailures"`
		}
		if err := json.Unmarshal(r.Payload, &got); err != nil || r.FunctionError != "" {
			t.Fatalf("%s: reply %.300s (%s): %v", tt.name, r.Payload, r.FunctionError, err)
		}
		if sum := sha256.Sum256([]byte(tt.seen)); got.SHA256 != hex.EncodeToString(sum[:]) || got.Size != len(tt.seen) {
			t.Errorf("%s: the handler saw %d bytes, want the %d of the good records", tt.name, got.Size, len(tt.seen))
		}
		if string(got.BatchItemFailures) != tt.failures {
			t.Errorf("%s: failures %s, want %s", tt.name, got.BatchItemFailures, tt.failures)
		}
		e.await(t, `"action":"strip"`, r.RequestID, `"removedCount":1`, tt.pointer)
	}
}

// TestBatchWithoutGoodRecordsDoesNotWakeTheFunction sends batches of which
// nothing is left.
func TestBatchWithoutGoodRecordsDoesNotWakeTheFunction(t *testing.T) {
	e := protected(t, "plain", kept)
	tests := []struct{ name, event, reply string }{
		{"SQS", `{"Records":[` + sqsMessage("b", "1", "q", union) + `]}`, `{"batchItemFailures":[{"itemIdentifier":"b"}]}`},
		{"SQS FIFO", `{"Records":[` + sqsMessage("b", "1", "q.fifo", union) + `]}`, `{"batchItemFailures":[]}`},
		{"Kinesis", `{"Records":[` + kinesisRecord("1", union) + `]}`, `{"batchItemFailures":[]}`},
		{"SNS", `{"Records":[` + snsRecord(union) + `]}`, `{"merlon":"blocked","id":`},
	}
	before := invocationsOf(t, e)
	for _, tt := range tests {
		if r := e.invoke(t, tt.event); r.FunctionError != "" || !strings.HasPrefix(string(r.Payload), tt.reply) {
			t.Errorf("%s: reply %s (%s), want %s", tt.name, r.Payload, r.FunctionError, tt.reply)
		}
	}
	if after := invocationsOf(t, e); after != before+1 {
		t.Errorf("the handler ran %d times, want once, to count", after-before)
	}
}

// transform hands every record of a Firehose event back as it came.
func transform(_ context.Context, event []byte) ([]byte, error) {
	type record struct {
		RecordID string `json:"recordId"`
		Result   string `json:"result"`
		Data     string `json:"data"`
	}
	var e struct {
		Records []record `json:"records"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	for i := range e.Records {
		e.Records[i].Result = "Ok"
	}
	return json.Marshal(e)
}

// TestFirehoseHearsOfItsBadRecord: the function answers for what it saw, the
// answer that leaves has every record in the order of the event.
func TestFirehoseHearsOfItsBadRecord(t *testing.T) {
	record := func(id, data string) string {
		return `{"recordId":"` + id + `","approximateArrivalTimestamp":1,"data":"` + data + `"}`
	}
	event := func(rs ...string) string {
		return `{"invocationId":"i","deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/d","region":"us-east-1","records":[` + strings.Join(rs, ",") + `]}`
	}
	// 1' or '1'='1' union select password from users--
	const bad = "MScgb3IgJzEnPScxJyB1bmlvbiBzZWxlY3QgcGFzc3dvcmQgZnJvbSB1c2Vycy0t"
	e := protected(t, "firehose", block) // nothing is lost, so no quarantine is needed
	r := e.invoke(t, event(record("1", "eA=="), record("2", bad), record("3", "eQ==")))
	want := `{"records":[{"recordId":"1","result":"Ok","data":"eA=="},{"recordId":"2","result":"ProcessingFailed","data":"` + bad + `"},{"recordId":"3","result":"Ok","data":"eQ=="}]}`
	if string(r.Payload) != want {
		t.Errorf("reply %s (%s), want %s", r.Payload, r.FunctionError, want)
	}
	if r := e.invoke(t, event(record("1", bad))); string(r.Payload) != `{"records":[{"recordId":"1","result":"ProcessingFailed","data":"`+bad+`"}]}` {
		t.Errorf("nothing left: reply %s (%s)", r.Payload, r.FunctionError)
	}
}

// TestNothingIsRemovedThatWouldBeLost: by default a queue's messages have no
// place to go, and are delivered with a verdict that says so. A stream's records
// stay where they are, and the verdict points there.
func TestNothingIsRemovedThatWouldBeLost(t *testing.T) {
	e := protected(t, "plain", block)
	event := `{"Records":[` + sqsMessage("b", "1", "q", union) + `]}`
	r := e.invoke(t, event)
	var got arrival
	if err := json.Unmarshal(r.Payload, &got); err != nil || got.Size != len(event) {
		t.Errorf("reply %s: %v", r.Payload, err)
	}
	e.await(t, `"reason":"not-enforced"`, "MERLON_QUARANTINE", `"wouldAction":"block"`)
	stream := `{"Records":[` + kinesisRecord("1", union) + `,` + kinesisRecord("2", "p") + `]}`
	want := `{"Records":[` + kinesisRecord("2", "p") + `]}`
	r = e.invoke(t, stream)
	if err := json.Unmarshal(r.Payload, &got); err != nil || got.Size != len(want) {
		t.Errorf("reply %s: %v", r.Payload, err)
	}
	e.await(t, `"action":"strip"`, `"pointer":"arn:aws:kinesis:us-east-1:123456789012:stream/s shardId-000000000006:1"`)
}
