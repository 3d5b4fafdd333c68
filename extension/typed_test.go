package main_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/merlon-security/merlon/internal/emulator"
)

// typed is a function as people write them: the event is decoded into
// aws-lambda-go's own type, every record is worked on, and the reply is of the
// type that the source wants. It says what it saw.
func typed(ctx context.Context, raw json.RawMessage) (any, error) {
	switch kind := os.Getenv("TEST_KIND"); kind {
	case "sqs":
		return seen(raw, func(e events.SQSEvent) (ids []string, reply any) {
			r := events.SQSEventResponse{}
			for _, m := range e.Records {
				if ids = append(ids, m.MessageId); m.Body == "fails" {
					r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
				}
			}
			return ids, r
		})
	case "kinesis":
		return seen(raw, func(e events.KinesisEvent) (ids []string, reply any) {
			for _, r := range e.Records {
				ids = append(ids, r.Kinesis.SequenceNumber+string(r.Kinesis.Data))
			}
			return ids, events.KinesisEventResponse{}
		})
	case "dynamodb":
		return seen(raw, func(e events.DynamoDBEvent) (ids []string, reply any) {
			for _, r := range e.Records {
				ids = append(ids, r.Change.SequenceNumber)
			}
			return ids, events.DynamoDBEventResponse{}
		})
	case "kafka":
		return seen(raw, func(e events.KafkaEvent) (ids []string, reply any) {
			for _, topic := range []string{"t-0", "t-1"} {
				if _, ok := e.Records[topic]; !ok {
					return nil, nil
				}
				for _, r := range e.Records[topic] {
					ids = append(ids, fmt.Sprintf("%s@%d", topic, r.Offset))
				}
			}
			return ids, nil
		})
	case "activemq":
		return seen(raw, func(e events.ActiveMQEvent) (ids []string, reply any) {
			for _, m := range e.Messages {
				ids = append(ids, m.MessageID)
			}
			return ids, nil
		})
	case "rabbitmq":
		return seen(raw, func(e events.RabbitMQEvent) (ids []string, reply any) {
			for _, m := range e.MessagesByQueue["q::/"] {
				ids = append(ids, *m.BasicProperties.MessageID)
			}
			return ids, nil
		})
	case "s3":
		return seen(raw, func(e events.S3Event) (ids []string, reply any) {
			for _, r := range e.Records {
				ids = append(ids, r.S3.Object.URLDecodedKey)
			}
			return ids, nil
		})
	case "firehose":
		return seen(raw, func(e events.KinesisFirehoseEvent) (ids []string, reply any) {
			r := events.KinesisFirehoseResponse{}
			for _, rec := range e.Records {
				ids = append(ids, rec.RecordID)
				r.Records = append(r.Records, events.KinesisFirehoseResponseRecord{RecordID: rec.RecordID, Result: events.KinesisFirehoseTransformedStateOk, Data: rec.Data})
			}
			return ids, r
		})
	case "s3-batch":
		return seen(raw, func(e events.S3BatchJobEventV2) (ids []string, reply any) {
			r := events.S3BatchJobResponse{InvocationSchemaVersion: e.InvocationSchemaVersion, TreatMissingKeysAs: "TemporaryFailure", InvocationID: e.InvocationID}
			for _, task := range e.Tasks {
				ids = append(ids, task.TaskID)
				r.Results = append(r.Results, events.S3BatchJobResult{TaskID: task.TaskID, ResultCode: "Succeeded", ResultString: task.S3Key})
			}
			return ids, r
		})
	case "appsync-batch":
		return seen(raw, func(e []struct {
			Arguments struct {
				ID string `json:"id"`
			} `json:"arguments"`
		}) (ids []string, reply any) {
			var data []map[string]string
			for _, c := range e {
				ids = append(ids, c.Arguments.ID)
				data = append(data, map[string]string{"data": c.Arguments.ID})
			}
			return ids, data
		})
	case "appsync-events":
		type message struct {
			ID      string          `json:"id"`
			Payload json.RawMessage `json:"payload"`
		}
		return seen(raw, func(e struct {
			Events []message `json:"events"`
		}) (ids []string, reply any) {
			for _, m := range e.Events {
				ids = append(ids, m.ID)
			}
			return ids, e
		})
	default:
		return nil, fmt.Errorf("no kind %q", kind)
	}
}

func seen[E any](raw json.RawMessage, work func(E) ([]string, any)) (any, error) {
	var e E
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	ids, reply := work(e)
	fmt.Printf("saw %s\n", strings.Join(ids, " "))
	return reply, nil
}

// TestHandlerSeesExactlyTheRemainingRecords sends batches of three with an attack
// in the second record to a handler of aws-lambda-go's own types, for every
// source whose records are removed, and checks what its source hears.
func TestHandlerSeesExactlyTheRemainingRecords(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	three := func(record func(id, text string) string) string {
		return strings.Join([]string{record("1", "first"), record("2", union), record("3", "fails")}, ", ")
	}
	records := func(record func(id, text string) string) string { return `{"Records":[` + three(record) + `]}` }
	tests := []struct {
		kind, event string
		saw, reply  string
	}{
		{"sqs", records(func(id, text string) string { return sqsMessage(id, "1", "q", text) }), "1 3",
			`{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"2"}]}`},
		{"kinesis", records(func(id, text string) string {
			return strings.Replace(kinesisRecord(id, "p"), "eyJhIjoxfQ==", b64(text), 1)
		}), "1first 3fails", `{"batchItemFailures":null}`},
		{"dynamodb", records(dynamoRecord), "1 3", `{"batchItemFailures":null}`},
		{"kafka", `{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:us-east-1:1:cluster/c","records":{"t-0":[` + three(func(id, text string) string {
			return fmt.Sprintf(`{"topic":"t","partition":0,"offset":%s,"timestamp":1,"timestampType":"CREATE_TIME","value":%q,"headers":[{"h":[104,105]}]}`, id, b64(text))
		}) + `],"t-1":[{"topic":"t","partition":1,"offset":9,"timestamp":1,"timestampType":"CREATE_TIME","value":"` + b64(union) + `","headers":[]}]}}`, "t-0@1 t-0@3", `null`},
		{"activemq", `{"eventSource":"aws:mq","eventSourceArn":"arn:aws:mq:us-east-1:1:broker:b","messages":[` + three(func(id, text string) string {
			return fmt.Sprintf(`{"messageID":%q,"messageType":"jms/text-message","data":%q,"destination":{"physicalName":"q"}}`, id, b64(text))
		}) + `]}`, "1 3", `null`},
		{"rabbitmq", `{"eventSource":"aws:rmq","eventSourceArn":"arn:aws:mq:us-east-1:1:broker:b","rmqMessagesByQueue":{"q::/":[` + three(func(id, text string) string {
			return fmt.Sprintf(`{"basicProperties":{"messageId":%q,"headers":{}},"redelivered":false,"data":%q}`, id, b64(text))
		}) + `]}}`, "1 3", `null`},
		{"s3", records(func(id, text string) string {
			return fmt.Sprintf(`{"eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-01-01T00:00:00Z","s3":{"bucket":{"name":"b","arn":"arn:aws:s3:::b"},"object":{"key":%q,"versionId":"v"}}}`, id+url.QueryEscape(text))
		}), "1first 3fails", `null`},
		{"firehose", `{"invocationId":"i","deliveryStreamArn":"arn:aws:firehose:us-east-1:1:deliverystream/d","region":"us-east-1","records":[` + three(func(id, text string) string {
			return fmt.Sprintf(`{"recordId":%q,"approximateArrivalTimestamp":1,"data":%q}`, id, b64(text))
		}) + `]}`, "1 3", ``},
		{"s3-batch", `{"invocationSchemaVersion":"2.0","invocationId":"i","job":{"id":"j"},"tasks":[` + three(func(id, text string) string {
			return fmt.Sprintf(`{"taskId":%q,"s3Key":%q,"s3VersionId":null,"s3Bucket":"b"}`, id, text)
		}) + `]}`, "1 3", ``},
		{"appsync-batch", `[` + three(func(id, text string) string {
			return fmt.Sprintf(`{"arguments":{"id":%q,"text":%q},"identity":null,"info":{"fieldName":"f"}}`, id, text)
		}) + `]`, "1 3", ``},
		{"appsync-events", `{"info":{"channel":{"path":"/a","segments":["a"]},"operation":"PUBLISH"},"events":[` + three(func(id, text string) string {
			return fmt.Sprintf(`{"id":%q,"payload":{"text":%q}}`, id, text)
		}) + `]}`, "1 3", ``},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			e := protected(t, "typed", func(o *emulator.Options) { kept(o); o.Function.Env["TEST_KIND"] = tt.kind })
			r := e.invoke(t, tt.event)
			if r.FunctionError != "" {
				t.Fatalf("%s: %s", r.FunctionError, r.Payload)
			}
			e.awaitLine(t, emulator.SourceFunction, "saw "+tt.saw)
			e.await(t, `"action":"strip"`, r.RequestID)
			if tt.reply != "" && string(r.Payload) != tt.reply {
				t.Errorf("reply %s, want %s", r.Payload, tt.reply)
			}
			if tt.reply == "" {
				answered(t, tt.kind, r.Payload)
			}
		})
	}
}

// answered checks that a reply answers for all three records, in the order of
// the event, and that the second one is no success.
func answered(t *testing.T, kind string, reply []byte) {
	t.Helper()
	var ids []string
	var second string
	note := func(i int, id, outcome string) {
		if ids = append(ids, id); i == 1 {
			second = outcome
		}
	}
	var err error
	switch kind {
	case "firehose":
		var r events.KinesisFirehoseResponse
		err = json.Unmarshal(reply, &r)
		for i, rec := range r.Records {
			note(i, rec.RecordID, rec.Result)
		}
	case "s3-batch":
		var r events.S3BatchJobResponse
		err = json.Unmarshal(reply, &r)
		for i, rec := range r.Results {
			note(i, rec.TaskID, rec.ResultCode)
		}
	case "appsync-batch":
		var r []struct{ Data, ErrorType string }
		err = json.Unmarshal(reply, &r)
		for i, rec := range r {
			note(i, rec.Data, rec.ErrorType)
		}
	case "appsync-events":
		var r struct {
			Events []struct{ ID, Error string }
		}
		err = json.Unmarshal(reply, &r)
		for i, rec := range r.Events {
			note(i, rec.ID, rec.Error)
		}
	}
	want := map[string]string{"firehose": "ProcessingFailed", "s3-batch": "PermanentFailure", "appsync-batch": "Merlon.Blocked", "appsync-events": "request refused"}[kind]
	all := []string{"1", "2", "3"}
	if kind == "appsync-batch" {
		all[1] = "" // an error in the place of data
	}
	if err != nil || !slices.Equal(ids, all) || !strings.HasPrefix(second, want) {
		t.Errorf("reply %s (%v): answers for %q, the second is %q, want %s", reply, err, ids, second, want)
	}
}

// TestB19AsynchronousErrorsOnRequest: with MERLON_ASYNC=error an event that
// nobody waits for fails, so that Lambda delivers it again; with
// MERLON_DIRECT=respond a direct caller gets a result.
func TestB19AsynchronousErrorsOnRequest(t *testing.T) {
	topic := `{"Records":[` + snsRecord(union) + `]}`
	query := `{"query":"1' UNION SELECT password FROM users --"}`
	for name, tt := range map[string]struct{ async, direct, topic, query string }{
		"defaults": {"", "", `{"merlon":"blocked"`, `Function.MerlonBlocked`},
		"asked":    {"error", "respond", `Function.MerlonBlocked`, `{"merlon":"blocked"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := protected(t, "plain", func(o *emulator.Options) {
				kept(o)
				if tt.async != "" {
					o.Function.Env["MERLON_ASYNC"], o.Function.Env["MERLON_DIRECT"] = tt.async, tt.direct
				}
			})
			for event, want := range map[string]string{topic: tt.topic, query: tt.query} {
				r := e.invoke(t, event)
				if got := r.ErrorType + string(r.Payload); !strings.HasPrefix(got, want) {
					t.Errorf("%.60s: %s, want %s", event, got, want)
				}
			}
			if n := invocationsOf(t, e); n != 1 {
				t.Errorf("the handler ran %d times, want 1 (the question itself)", n)
			}
		})
	}
}

// streamed answers a function URL as a streaming handler does.
func streamed(context.Context, events.LambdaFunctionURLRequest) (*events.LambdaFunctionURLStreamingResponse, error) {
	return &events.LambdaFunctionURLStreamingResponse{StatusCode: 200, Headers: map[string]string{"content-type": "text/plain"}, Body: strings.NewReader("streamed")}, nil
}

// TestB18StreamingIsLearned: after the function has streamed one reply, its URL's
// callers get their refusals in the same form.
func TestB18StreamingIsLearned(t *testing.T) {
	e := protected(t, "streamed", block)
	srv := httptest.NewServer(e.URLHandler(emulator.Front{Kind: emulator.FunctionURL, Stream: true}))
	defer srv.Close()
	if status, _, body := send(t, srv.URL, "GET", "/", "", "", ""); status != http.StatusOK || body != "streamed" {
		t.Fatalf("got %d %q, want the stream", status, body)
	}
	status, header, body := send(t, srv.URL, "GET", "/?q="+url.QueryEscape(union), "", "", "")
	if status != http.StatusForbidden || header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(body, `{"message":"Forbidden"`) {
		t.Errorf("got %d %q %q, want the refusal", status, header, body)
	}
}

// TestB17AuthorizerFormIsLearned: the function answers with policies, and so
// does its refusal.
func TestB17AuthorizerFormIsLearned(t *testing.T) {
	e := protected(t, "authorizer", block)
	ask := func(token string) string {
		return fmt.Sprintf(`{"version":"2.0","type":"REQUEST","routeArn":"arn:aws:execute-api:us-east-1:1:a/$default/GET/x","identitySource":[%q],"routeKey":"GET /x","rawPath":"/x","headers":{"authorization":%q},"requestContext":{"http":{"method":"GET","path":"/x"}}}`, token, token)
	}
	if r := e.invoke(t, ask(union)); string(r.Payload) != `{"isAuthorized":false}` {
		t.Errorf("before the first reply: %s", r.Payload)
	}
	if r := e.invoke(t, ask("good")); !strings.Contains(string(r.Payload), `"Effect":"Allow"`) {
		t.Fatalf("the function's own: %s", r.Payload)
	}
	if r := e.invoke(t, ask(union)); !strings.Contains(string(r.Payload), `"Effect":"Deny","Resource":"arn:aws:execute-api:us-east-1:1:a/$default/GET/x"`) {
		t.Errorf("after it: %s", r.Payload)
	}
}

func authorize(context.Context, events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerIAMPolicyResponse, error) {
	return events.APIGatewayV2CustomAuthorizerIAMPolicyResponse{PrincipalID: "u", PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
		Version: "2012-10-17", Statement: []events.IAMPolicyStatement{{Action: []string{"execute-api:Invoke"}, Effect: "Allow", Resource: []string{"*"}}},
	}}, nil
}

// typedFunctions are what TEST_FUNCTION may name besides raw handlers.
var typedFunctions = map[string]any{"typed": typed, "streamed": streamed, "authorizer": authorize}
