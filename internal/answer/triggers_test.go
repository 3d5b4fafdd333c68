package answer_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/TRIGGERS.md")

// whole are sources of which an event is refused or delivered as one, with a
// sample.
var wholeSamples = []struct {
	source event.Source
	name   string
	raw    string
}{
	{event.RESTAPI, "API Gateway REST API", rest},
	{event.HTTPAPI, "API Gateway HTTP API", v2},
	{event.FunctionURL, "function URL", url},
	{event.ALB, "Application Load Balancer", alb},
	{event.Lattice, "VPC Lattice", lattice},
	{event.WebSocket, "WebSocket API", `{"requestContext":{"connectionId":"c","eventType":"CONNECT"}}`},
	{event.Authorizer, "authorizer, format 1.0", `{"type":"TOKEN","authorizationToken":"t","methodArn":"arn:x"}`},
	{event.Authorizer, "authorizer, format 2.0", `{"version":"2.0","routeArn":"arn:x"}`},
	{event.Authorizer, "authorizer, AppSync", `{"authorizationToken":"t","requestContext":{"apiId":"a"}}`},
	{event.AppSync, "AppSync resolver", `{"arguments":{"a":1},"info":{"fieldName":"f"}}`},
	{event.Cognito, "Cognito", cognito("PreSignUp_SignUp", "")},
	{event.Lex, "Lex", `{"bot":{"name":"b"},"sessionState":{}}`},
	{event.Alexa, "Alexa", `{"context":{"System":{}},"request":{"type":"LaunchRequest"},"session":{}}`},
	{event.Connect, "Connect", `{"Details":{"ContactData":{}},"Name":"ContactFlowEvent"}`},
	{event.Bedrock, "Bedrock agent", `{"messageVersion":"1.0","agent":{"name":"a"},"actionGroup":"g","function":"f"}`},
	{event.S3Object, "S3 Object Lambda", `{"xAmzRequestId":"r","userRequest":{"url":"u"},"getObjectContext":{}}`},
	{event.Durable, "durable execution", `{"DurableExecutionArn":"arn:x","CheckpointToken":"t","InitialExecutionState":{"Operations":[{"Id":"1","Type":"EXECUTION"}]}}`},
	{event.Direct, "direct invoke, Step Functions", `{"a":1}`},
	{event.CloudFormation, "CloudFormation custom resource", cfn("https://b.s3.amazonaws.com/x", "")},
	{event.CodePipeline, "CodePipeline", `{"CodePipeline.job":{"id":"j"}}`},
	{event.Config, "AWS Config", `{"configRuleArn":"arn:x","invokingEvent":"{}"}`},
	{event.SecretsManager, "Secrets Manager rotation", `{"SecretId":"arn:x","ClientRequestToken":"t","Step":"createSecret"}`},
	{event.CWLogs, "CloudWatch Logs", `{"awslogs":{"data":"x"}}`},
	{event.CloudFront, "the shape of CloudFront (Lambda@Edge has no layers: a direct invoke)", `{"Records":[{"cf":{"config":{}}}]}`},
	{event.EventBridge, "EventBridge schedule", `{"version":"0","id":"e","detail-type":"Scheduled Event","source":"aws.events","account":"1","time":"t","region":"r","resources":[],"detail":{}}`},
}

// batches are sources of which records are removed: two records, the reply of a
// function that saw the second, and an event of one.
var batchSamples = []struct {
	source event.Source
	name   string
	raw    string
	reply  string
}{
	{event.SQS, "SQS", batchOf(sqsMessage("a", "1", queue, ""), sqsMessage("b", "1", queue, "")), `null`},
	{event.SQS, "SQS, third receive", batchOf(sqsMessage("a", "3", queue, ""), sqsMessage("b", "1", queue, "")), `null`},
	{event.SQS, "SQS FIFO", batchOf(sqsMessage("a", "1", fifo, "g"), sqsMessage("b", "1", fifo, "g")), `null`},
	{event.Kinesis, "Kinesis", batchOf(kinesisRecord("1"), kinesisRecord("2")), `null`},
	{event.Kinesis, "Kinesis, tumbling window", `{"Records":[` + kinesisRecord("1") + `,` + kinesisRecord("2") + `],"window":{"start":"s","end":"e"},"state":{}}`, `{"state":{}}`},
	{event.DynamoDB, "DynamoDB streams", batchOf(dynamoRecord("1"), dynamoRecord("2")), `null`},
	{event.DocumentDB, "DocumentDB change streams", `{"eventSourceArn":"arn:aws:rds:r:1:cluster:c","eventSource":"aws:docdb","events":[{"event":{"_id":{"_data":"1"},"fullDocument":{}}},{"event":{"_id":{"_data":"2"},"fullDocument":{}}}]}`, `null`},
	{event.Kafka, "Kafka", `{"eventSource":"aws:kafka","records":{"t-0":[{"topic":"t","partition":0,"offset":1,"value":"eA=="},{"topic":"t","partition":0,"offset":2,"value":"eA=="}]}}`, `null`},
	{event.MQ, "MQ", `{"eventSource":"aws:mq","eventSourceArn":"arn:x","messages":[{"messageID":"1","data":"eA=="},{"messageID":"2","data":"eA=="}]}`, `null`},
	{event.Pipes, "EventBridge Pipes", `[` + sqsMessage("a", "1", queue, "") + `,` + sqsMessage("b", "1", queue, "") + `]`, `null`},
	{event.Firehose, "Firehose transformation", firehoseEvent("1", "2"), `{"records":[{"recordId":"2","result":"Ok","data":"eA=="}]}`},
	{event.S3Batch, "S3 Batch Operations", `{"invocationSchemaVersion":"1.0","invocationId":"i","job":{"id":"j"},"tasks":[{"taskId":"1","s3Key":"k"},{"taskId":"2","s3Key":"l"}]}`, `{"results":[{"taskId":"2","resultCode":"Succeeded"}]}`},
	{event.AppSyncBatch, "AppSync BatchInvoke", `[{"arguments":{"a":1},"info":{"fieldName":"f"}},{"arguments":{"a":2},"info":{"fieldName":"f"}}]`, `[{"data":1}]`},
	{event.AppSyncEvents, "AppSync Events", `{"info":{"channel":{"path":"/a","segments":["a"]},"operation":"PUBLISH"},"events":[{"id":"1","payload":{}},{"id":"2","payload":{}}]}`, `{"events":[{"id":"2","payload":{}}]}`},
	{event.SNS, "SNS", batchOf(`{"EventSource":"aws:sns","Sns":{"MessageId":"m","Message":"x"}}`, `{"EventSource":"aws:sns","Sns":{"MessageId":"n","Message":"x"}}`), `null`},
	{event.S3, "S3", batchOf(s3Record("k"), s3Record("l")), `null`},
	{event.SES, "SES, invocation type Event", ses("Event"), ``},
	{event.SES, "SES, invocation type RequestResponse", ses("RequestResponse"), ``},
	{event.CodeCommit, "CodeCommit", batchOf(`{"eventSource":"aws:codecommit","eventId":"1"}`, `{"eventSource":"aws:codecommit","eventId":"2"}`), `null`},
	{event.EventBridge, "EventBridge", `{"version":"0","id":"e","detail-type":"Order","source":"shop","detail":{"x":1}}`, ``},
	{event.IoT, "IoT", `{"serialNumber":"1","clickType":"SINGLE","batteryVoltage":"1"}`, ``},
}

func kinesisRecord(seq string) string {
	return fmt.Sprintf(`{"kinesis":{"partitionKey":"p","sequenceNumber":%q,"data":"eA=="},"eventSource":"aws:kinesis","eventID":"shardId-0:%s","eventSourceARN":"arn:aws:kinesis:r:1:stream/s"}`, seq, seq)
}

func dynamoRecord(seq string) string {
	return fmt.Sprintf(`{"eventID":"e","dynamodb":{"SequenceNumber":%q},"eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:r:1:table/t/stream/s"}`, seq)
}

func s3Record(key string) string {
	return fmt.Sprintf(`{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{"key":%q,"versionId":"v"}}}`, key)
}

func TestTriggersPageIsCurrent(t *testing.T) {
	const page = "../../docs/TRIGGERS.md"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, between(t, string(data), "refusals", refusals(t)), "removals", removals(t))
	switch {
	case *update:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case string(data) != want:
		t.Error("docs/TRIGGERS.md is not what the code does: run go test ./internal/answer -run TestTriggers -update")
	}
	var seen []event.Source
	for _, s := range wholeSamples {
		seen = append(seen, s.source)
	}
	for _, s := range batchSamples {
		seen = append(seen, s.source)
	}
	for _, s := range event.Sources() {
		if !slices.Contains(seen, s) {
			t.Errorf("no row for the source %s", s)
		}
	}
}

// between puts a table between its marks.
func between(t *testing.T, page, name, table string) string {
	t.Helper()
	head, rest, ok := strings.Cut(page, "<!-- "+name+" -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatalf("no marks for the table %s", name)
	}
	return head + "<!-- " + name + " -->\n" + table + "<!-- end -->" + tail
}

func refusals(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| trigger | source | refusal |\n|---|---|---|\n")
	for _, s := range wholeSamples {
		ev := decode(s.raw)
		if ev.Source != s.source || ev.Mixed {
			t.Errorf("the sample %s is %s (mixed %t), want %s", s.name, ev.Source, ev.Mixed, s.source)
		}
		what := "never: monitor only"
		if answer.Refusable(ev) {
			what = shown(answer.Refuse(ev, id, answer.Settings{Status: 403}))
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", s.name, s.source, what)
	}
	return b.String()
}

func removals(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| trigger | source | nothing left: the answer | the rest delivered: the reply | needs quarantine | without |\n|---|---|---|---|---|---|\n")
	for _, s := range batchSamples {
		ev := decode(s.raw)
		records, harmless := answer.Records([]byte(s.raw), ev)
		if ev.Source != s.source || ev.Mixed || len(records) == 0 {
			t.Fatalf("the sample %s is %s (mixed %t) with %d records, want %s", s.name, ev.Source, ev.Mixed, len(records), s.source)
		}
		first := alone(t, s.raw, records)
		answered := "delivered, its records emptied"
		if first.Reply != nil {
			answered = shown(*first.Reply)
		}
		completed := "one record: never a rest"
		if len(records) > 1 {
			completed = "unchanged"
			out, err := answer.Remove([]byte(s.raw), ev, records, []int{0}, id, answer.Settings{})
			if err != nil || out.Event == nil {
				t.Fatalf("%s: %v, %+v", s.name, err, out)
			}
			if again := decode(string(out.Event)); again.Source != ev.Source || len(again.Spans) != 1 || again.Spans[0].ID != records[1].ID {
				t.Errorf("%s: without its first record it is %s with %d records", s.name, again.Source, len(again.Spans))
			}
			if out.Complete != nil {
				if c := out.Complete([]byte(s.reply)); c != nil {
					completed = "`" + s.reply + "` → " + code(c)
				}
			}
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", s.name, s.source, answered, completed, needs(ev, records, harmless), fallback(ev, records, harmless))
	}
	return b.String()
}

// alone removes the first record from an event that has no other.
func alone(t *testing.T, raw string, records []event.Record) answer.Removal {
	t.Helper()
	if len(records) > 1 {
		rest, err := answer.Strip([]byte(raw), records, []int{1})
		if err != nil {
			t.Fatal(err)
		}
		raw = string(rest)
	}
	return remove(t, raw, []int{0}, answer.Settings{})
}

func needs(ev *event.Event, records []event.Record, harmless bool) string {
	switch {
	case harmless:
		return "no: the source is told"
	case !slices.ContainsFunc(records, func(r event.Record) bool { return r.Pointer == "" }):
		return "its source has it: pointer"
	}
	return "yes"
}

func fallback(ev *event.Event, records []event.Record, harmless bool) string {
	one := *ev
	one.Records = 1
	switch {
	case harmless || needs(ev, records, harmless) != "yes":
		return "–"
	case answer.Refusable(&one):
		return shown(answer.Refuse(&one, id, answer.Settings{Status: 403}))
	}
	return "monitor"
}

func shown(r answer.Reply) string {
	switch {
	case r.Error && strings.Contains(string(r.Body), "Unauthorized"):
		return "`/error`, `Unauthorized`"
	case r.Error:
		return "`/error`"
	case r.Status != 0:
		return fmt.Sprintf("HTTP %d: %s", r.Status, code(r.Body))
	}
	return code(r.Body)
}

func code(body []byte) string {
	return "`" + strings.ReplaceAll(strings.ReplaceAll(string(body), id, "…"), "|", `\|`) + "`"
}
