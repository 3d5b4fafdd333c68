package answer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
)

const id = "01890a5d-ac96-774b-bcce-b302099a8057"

func decode(raw string) *event.Event { return event.Decode([]byte(raw), nil, event.DefaultLimits()) }

const (
	v2       = `{"rawPath":"/","requestContext":{"http":{"method":"GET"},"requestId":"JKJaXmPLvHcESHA="}}`
	url      = `{"rawPath":"/","requestContext":{"domainName":"x.lambda-url.eu-west-1.on.aws","http":{"method":"GET"},"requestId":"r-1"}}`
	rest     = `{"httpMethod":"GET","path":"/","multiValueHeaders":{"a":["b"]},"headers":{"a":"b"},"requestContext":{"requestId":"r-1"}}`
	restBare = `{"httpMethod":"GET","path":"/","headers":null,"multiValueHeaders":null,"requestContext":{"requestId":"r-1"}}`
	alb      = `{"httpMethod":"GET","path":"/","headers":{"x-amzn-trace-id":"Root=1-5759e988-bd862e3fe1be46a994272793"},"requestContext":{"elb":{}}}`
	albMulti = `{"httpMethod":"GET","path":"/","multiValueHeaders":{"x-amzn-trace-id":["Root=1-57"]},"requestContext":{"elb":{}}}`
)

// The shapes are those of the AWS documentation: API Gateway "Lambda proxy
// integrations", AWS Lambda "Function URLs", Elastic Load Balancing "Lambda
// functions as targets", API Gateway "Lambda authorizers", AppSync "Lambda
// authorization".
func TestRefuse(t *testing.T) {
	t.Parallel()
	body := func(rid string) string {
		return strconv(`{"message":"Forbidden","requestId":"` + rid + `","id":"` + id + `"}`)
	}
	single := `"headers":{"cache-control":"no-store","content-type":"application/json"}`
	multi := `"multiValueHeaders":{"cache-control":["no-store"],"content-type":["application/json"]}`
	tests := []struct {
		name, raw string
		settings  answer.Settings
		want      string
		status    int
		failed    string // error type, if the reply is an error
	}{
		{name: "HTTP API", raw: v2, status: 403,
			want: `{"statusCode":403,` + single + `,"body":` + body("JKJaXmPLvHcESHA=") + `,"isBase64Encoded":false}`},
		{name: "function URL", raw: url, status: 403,
			want: `{"statusCode":403,` + single + `,"body":` + body("r-1") + `,"isBase64Encoded":false}`},
		{name: "REST API", raw: rest, status: 403,
			want: `{"statusCode":403,` + multi + `,"body":` + body("r-1") + `,"isBase64Encoded":false}`},
		{name: "REST API test call", raw: restBare, status: 403,
			want: `{"statusCode":403,` + single + `,"body":` + body("r-1") + `,"isBase64Encoded":false}`},
		{name: "ALB", raw: alb, status: 403,
			want: `{"statusCode":403,"statusDescription":"403 Forbidden",` + single + `,"body":` + body("1-5759e988-bd862e3fe1be46a994272793") + `,"isBase64Encoded":false}`},
		{name: "ALB with multi-value headers", raw: albMulti, status: 403,
			want: `{"statusCode":403,"statusDescription":"403 Forbidden",` + multi + `,"body":` + body("1-57") + `,"isBase64Encoded":false}`},
		{name: "a request id that is no id", raw: `{"requestContext":{"http":{"method":"GET"},"requestId":"a\r\nset-cookie: <b>"}}`, status: 403,
			want: `{"statusCode":403,` + single + `,"body":` + body(id) + `,"isBase64Encoded":false}`},
		{name: "a request id without end", raw: `{"requestContext":{"http":{"method":"GET"},"requestId":"` + strings.Repeat("a", 4096) + `"}}`, status: 403,
			want: `{"statusCode":403,` + single + `,"body":` + body(id) + `,"isBase64Encoded":false}`},
		{name: "own status, body and headers", raw: v2, status: 451,
			settings: answer.Settings{Status: 451, Custom: true, Body: "no", Headers: []event.Header{{Name: "Access-Control-Allow-Origin", Value: "*"}, {Name: "Content-Type", Value: "text/plain"}}},
			want:     `{"statusCode":451,"headers":{"cache-control":"no-store","access-control-allow-origin":"*","content-type":"text/plain"},"body":"no","isBase64Encoded":false}`},
		{name: "a status without a name", raw: alb, settings: answer.Settings{Status: 499, Custom: true}, status: 499,
			want: `{"statusCode":499,"statusDescription":"499 Refused","headers":{"cache-control":"no-store"},"body":"","isBase64Encoded":false}`},
		{name: "an ALB never streams", raw: alb, settings: answer.Settings{Status: 403, Stream: true, Custom: true}, status: 403,
			want: `{"statusCode":403,"statusDescription":"403 Forbidden","headers":{"cache-control":"no-store"},"body":"","isBase64Encoded":false}`},
		{name: "WebSocket", raw: `{"requestContext":{"connectionId":"c","eventType":"CONNECT"}}`, want: `{"statusCode":403}`},
		{name: "authorizer, format 2.0", raw: `{"version":"2.0","routeArn":"arn:x"}`, want: `{"isAuthorized":false}`},
		{name: "authorizer, AppSync", raw: `{"authorizationToken":"t","requestContext":{"apiId":"a"}}`, want: `{"isAuthorized":false,"ttlOverride":0}`},
		{name: "authorizer, token", raw: `{"type":"TOKEN","authorizationToken":"t","methodArn":"arn:x"}`, failed: "Function.MerlonBlocked",
			want: `{"errorMessage":"Unauthorized","errorType":"Unauthorized","stackTrace":[]}`},
		{name: "authorizer, request", raw: `{"type":"REQUEST","methodArn":"arn:x","httpMethod":"GET","requestContext":{}}`, failed: "Function.MerlonBlocked",
			want: `{"errorMessage":"Unauthorized","errorType":"Unauthorized","stackTrace":[]}`},
		{name: "authorizer, format 2.0, iam", raw: `{"version":"2.0","routeArn":"arn:x"}`, settings: answer.Settings{Policy: true},
			want: `{"principalId":"merlon","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"arn:x"}]}}`},
		{name: "authorizer, token, iam", raw: `{"type":"TOKEN","authorizationToken":"t","methodArn":"arn:x/GET/a"}`, settings: answer.Settings{Deny: true},
			want: `{"principalId":"merlon","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"arn:x/GET/a"}]}}`},
		{name: "direct, with a result", raw: `{"a":1}`, settings: answer.Settings{Respond: true}, want: `{"merlon":"blocked","id":"` + id + `"}`},
		{name: "logs", raw: `{"awslogs":{"data":"x"}}`, want: `{"merlon":"blocked","id":"` + id + `"}`},
		{name: "logs, with an error", raw: `{"awslogs":{"data":"x"}}`, settings: answer.Settings{FailAsync: true}, failed: "Function.MerlonBlocked",
			want: `{"errorMessage":"request refused, verdict ` + id + `","errorType":"Merlon.Blocked","stackTrace":[]}`},
		{name: "direct", raw: `{"a":1}`, failed: "Function.MerlonBlocked",
			want: `{"errorMessage":"request refused, verdict ` + id + `","errorType":"Merlon.Blocked","stackTrace":[]}`},
	}
	for _, tt := range tests {
		if tt.settings.Status == 0 {
			tt.settings.Status = 403
		}
		r := answer.Refuse(decode(tt.raw), id, tt.settings)
		if !sameJSON(t, r.Body, tt.want) {
			t.Errorf("Refuse(%s) = %s, want %s", tt.name, r.Body, tt.want)
		}
		if r.ContentType != "application/json" || r.Status != tt.status || r.Streaming || r.Error != (tt.failed != "") || r.ErrorType != tt.failed {
			t.Errorf("Refuse(%s): %s, status %d, streaming %t, error %t %q", tt.name, r.ContentType, r.Status, r.Streaming, r.Error, r.ErrorType)
		}
	}
}

func strconv(s string) string { b, _ := json.Marshal(s); return string(b) }

func sameJSON(t *testing.T, got []byte, want string) bool {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Errorf("%s: %v", got, err)
		return false
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	return reflect.DeepEqual(g, w)
}

func TestRefuseStream(t *testing.T) {
	t.Parallel()
	r := answer.Refuse(decode(url), id, answer.Settings{Status: 403, Stream: true})
	prelude, body, ok := strings.Cut(string(r.Body), strings.Repeat("\x00", 8))
	if !ok || r.ContentType != "application/vnd.awslambda.http-integration-response" || !r.Streaming || r.Status != 403 {
		t.Fatalf("reply = %+v, want prelude, eight NUL, body", r)
	}
	if !sameJSON(t, []byte(prelude), `{"statusCode":403,"headers":{"cache-control":"no-store","content-type":"application/json"}}`) {
		t.Errorf("prelude = %s", prelude)
	}
	if !sameJSON(t, []byte(body), `{"message":"Forbidden","requestId":"r-1","id":"`+id+`"}`) {
		t.Errorf("body = %s", body)
	}
}

// A refusal tells nothing of its cause: it depends on the event source, the
// front end's id and the verdict's, and has the same size for all of them.
func TestRefusalTellsNothing(t *testing.T) {
	t.Parallel()
	size := 0
	for _, q := range []string{"1' or 1=1--", "<script>alert(1)</script>", strings.Repeat("x", 10_000), ""} {
		ev := decode(`{"rawPath":"/` + q + `","requestContext":{"http":{"method":"GET"},"requestId":"JKJaXmPLvHcESHA="},"body":"` + q + `"}`)
		r := answer.Refuse(ev, id, answer.Settings{Status: 403})
		if size == 0 {
			size = len(r.Body)
		}
		if len(r.Body) != size || r.Status != 403 || q != "" && strings.Contains(string(r.Body), q) {
			t.Errorf("refusal of %.40q = %s", q, r.Body)
		}
	}
}

func TestRefusable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw          string
		refusable, retried bool
	}{
		{"request", v2, true, false},
		{"preflight", `{"requestContext":{"http":{"method":"OPTIONS"}},"headers":{"Origin":"https://a","Access-Control-Request-Method":"PUT"}}`, false, false},
		{"preflight with a null body", `{"requestContext":{"http":{"method":"OPTIONS"}},"body":null,"headers":{"origin":"https://a","access-control-request-method":"PUT"}}`, false, false},
		{"preflight with a body", `{"requestContext":{"http":{"method":"OPTIONS"}},"body":"x","headers":{"origin":"https://a","access-control-request-method":"PUT"}}`, true, false},
		{"preflight with a body that is no string", `{"requestContext":{"http":{"method":"OPTIONS"}},"Body":{"x":1},"headers":{"origin":"https://a","access-control-request-method":"PUT"}}`, true, false},
		{"OPTIONS without origin", `{"requestContext":{"http":{"method":"OPTIONS"}}}`, true, false},
		{"health check", `{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/","headers":{"user-agent":"ELB-HealthChecker/2.0"},"body":""}`, false, false},
		{"health check with a body", `{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/","headers":{"user-agent":"ELB-HealthChecker/2.0"},"body":"x"}`, true, false},
		{"health check through an API", `{"requestContext":{"http":{"method":"GET"}},"headers":{"user-agent":"ELB-HealthChecker/2.0"}}`, true, false},
		{"WebSocket connect", `{"requestContext":{"connectionId":"c","eventType":"CONNECT"}}`, true, false},
		{"WebSocket disconnect", `{"requestContext":{"connectionId":"c","eventType":"DISCONNECT"},"headers":{},"isBase64Encoded":false}`, false, false},
		{"WebSocket disconnect with more", `{"requestContext":{"connectionId":"c","eventType":"DISCONNECT"},"q":1}`, true, false},
		{"sign-up", cognito("PreSignUp_SignUp", ""), true, false},
		{"after confirmation", cognito("PostConfirmation_ConfirmSignUp", ""), false, false},
		{"after authentication", cognito("PostAuthentication_Authentication", ""), false, false},
		{"token generation", cognito("TokenGeneration_HostedAuth", ""), false, false},
		{"token generation with more", cognito("TokenGeneration_HostedAuth", `,"x":1`), true, false},
		{"custom resource", cfn("https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/x", ""), false, false},
		{"custom resource in China", cfn("https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/x", ""), false, false},
		{"custom resource that answers elsewhere", cfn("https://evil.example/s3.amazonaws.com", ""), true, false},
		{"custom resource with more", cfn("https://b.s3.amazonaws.com/x", `,"x":1`), true, false},
		{"SQS", `{"Records":[{"eventSource":"aws:sqs"}]}`, false, true},
		{"Kinesis", `{"Records":[{"eventSource":"aws:kinesis"}]}`, false, true},
		{"Kafka", `{"eventSource":"aws:kafka","records":{}}`, false, true},
		{"one notification", `{"Records":[{"EventSource":"aws:sns"}]}`, true, true},
		{"two notifications", `{"Records":[{"EventSource":"aws:sns"},{}]}`, false, true},
		{"log group", `{"awslogs":{"data":"x"}}`, false, true},
		{"log group with more", `{"awslogs":{"data":"x"},"x":1}`, true, true},
		{"direct", `{"a":1}`, true, false},
		{"no JSON", `<a>`, true, false},
	}
	for _, tt := range tests {
		ev := decode(tt.raw)
		if got := answer.Refusable(ev); got != tt.refusable {
			t.Errorf("Refusable(%s) = %t, want %t", tt.name, got, tt.refusable)
		}
		if got := answer.Retried(ev); got != tt.retried {
			t.Errorf("Retried(%s) = %t, want %t", tt.name, got, tt.retried)
		}
	}
}

func cognito(trigger, more string) string {
	return `{"version":"1","triggerSource":"` + trigger + `","region":"eu-west-1","userPoolId":"p","userName":"u","callerContext":{},"request":{},"response":{}` + more + `}`
}

func cfn(u, more string) string {
	return `{"RequestType":"Create","ServiceToken":"t","ResponseURL":"` + u + `","StackId":"s","RequestId":"r","LogicalResourceId":"l","ResourceType":"Custom::X","ResourceProperties":{}` + more + `}`
}

// Whoever may invoke a function directly can lend its event the marks of
// another service. None of the combinations is an excuse.
func TestBorrowedMarksAreNoExcuse(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "events", "testdata", "*.json"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	events := map[event.Source]map[string]json.RawMessage{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]json.RawMessage{}
		if json.Unmarshal(data, &m) == nil {
			events[event.Decode(data, nil, event.DefaultLimits()).Source] = m
		}
	}
	if len(events) < 20 {
		t.Fatalf("samples of %d sources, want at least 20", len(events))
	}
	for a, base := range events {
		for b, lent := range events {
			if a == b || a == event.Direct || b == event.Direct {
				continue
			}
			merged := map[string]json.RawMessage{"payload": json.RawMessage(`"<script>"`)}
			for k, v := range lent {
				merged[k] = v
			}
			for k, v := range base {
				merged[k] = v
			}
			raw, err := json.Marshal(merged)
			if err != nil {
				t.Fatal(err)
			}
			ev := event.Decode(raw, nil, event.DefaultLimits())
			if !answer.Refusable(ev) && !isBatch(ev.Source) {
				t.Errorf("%s with the marks of %s is %s, and not refusable", a, b, ev.Source)
			}
			if fmt.Sprint(answer.Refuse(ev, id, answer.Settings{Status: 403}).Body) == "" {
				t.Errorf("%s with the marks of %s has no refusal", a, b)
			}
		}
	}
}

// isBatch tells sources of which records are removed instead.
func isBatch(s event.Source) bool {
	switch s {
	case event.SQS, event.SNS, event.S3, event.SES, event.DynamoDB, event.Kinesis, event.Firehose, event.Kafka, event.MQ, event.CodeCommit, event.CloudFront:
		return true
	}
	return false
}
