package guard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/proxy"
)

// learner delivers events to the function, or refuses them.
type learner struct{ *guard.Guard }

func (l *learner) deliver(t *testing.T, raw string) proxy.Outcome {
	t.Helper()
	l.Engine = clean
	return inspect(t, l.Guard, raw)
}

// reply has the function answer, and returns what is sent in its stead; empty for
// what stays as it is.
func reply(out proxy.Outcome, body string) string {
	filter := out.Response(proxy.ReplyHead{Header: http.Header{}, Length: int64(len(body))})
	other, instead := filter.Whole([]byte(body))
	if instead != nil {
		return string(instead.Body)
	}
	return string(other)
}

func (l *learner) refuse(t *testing.T, raw string) string {
	t.Helper()
	l.Engine = attack
	out := inspect(t, l.Guard, raw)
	if out.Answer == nil {
		t.Fatalf("%s is not refused", raw)
	}
	return string(out.Answer.Body)
}

// B17: HTTP APIs do not tell their authorizer in which form it is to answer.
// Until the function has shown it, the form is the one that fails closed.
func TestB17AuthorizersAnswerAsTheFunctionDoes(t *testing.T) {
	t.Parallel()
	const ask = `{"version":"2.0","type":"REQUEST","routeArn":"arn:aws:execute-api:eu-west-1:1:a/$default/GET/x","requestContext":{"http":{"method":"GET"}}}`
	const simple = `{"isAuthorized":false}`
	const policy = `{"principalId":"merlon","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"arn:aws:execute-api:eu-west-1:1:a/$default/GET/x"}]}}`
	l := &learner{Guard: blocking(clean, &records{})}
	l.LearnAuthorizer = true
	for _, step := range []struct{ reply, want string }{
		{"", simple},
		{`{"isAuthorized":true}`, simple},
		{`{"principalId":"u","policyDocument":{"Version":"2012-10-17","Statement":[]}}`, policy},
		{`null`, policy},
		{`{"isAuthorized":false,"policyDocument":{}}`, policy}, // both: neither
		{`no JSON`, policy},
		{`{"isAuthorized":false,"context":{}}`, simple},
	} {
		if step.reply != "" {
			out := l.deliver(t, ask)
			if out.Response == nil || reply(out, step.reply) != "" {
				t.Fatalf("%s: the reply is not left as it is", step.reply)
			}
		}
		if got := l.refuse(t, ask); got != step.want {
			t.Errorf("after %s: %s, want %s", step.reply, got, step.want)
		}
	}
	l.LearnAuthorizer = false
	if out := l.deliver(t, ask); out.Response != nil {
		t.Error("a configured form is learned")
	}
	// REST caches what an authorizer says; a Deny is given only on request.
	const method = `{"type":"TOKEN","authorizationToken":"t","methodArn":"arn:aws:execute-api:eu-west-1:1:a/prod/GET/x"}`
	if got := l.refuse(t, method); !strings.Contains(got, `"errorMessage":"Unauthorized"`) {
		t.Errorf("REST: %s", got)
	}
	l.Answers.Deny = true
	if got := l.refuse(t, method); !strings.Contains(got, `"Effect":"Deny","Resource":"arn:aws:execute-api:eu-west-1:1:a/prod/GET/x"`) {
		t.Errorf("REST, iam: %s", got)
	}
}

// B18: nothing tells a function whether its URL streams. A refusal comes in the
// form of the function's last reply to the same front end.
func TestB18RefusalsStreamWhereTheFunctionDoes(t *testing.T) {
	t.Parallel()
	const url = `{"version":"2.0","rawPath":"/","requestContext":{"domainName":"x.lambda-url.eu-west-1.on.aws","http":{"method":"GET","path":"/"}}}`
	l := &learner{Guard: blocking(clean, &records{})}
	l.LearnStream = true
	mode, kind := "Lambda-Runtime-Function-Response-Mode", "Content-Type"
	for _, step := range []struct {
		name    string
		header  http.Header
		streams bool
	}{
		{"nothing yet", nil, false},
		{"a buffered reply", http.Header{kind: {"application/json"}}, false},
		{"Node streams", http.Header{mode: {"streaming"}, kind: {"application/octet-stream"}}, true},
		{"buffered again", http.Header{kind: {"application/json"}}, false},
		{"Go streams", http.Header{kind: {"application/vnd.awslambda.http-integration-response"}}, true},
	} {
		if step.header != nil {
			out := l.deliver(t, url)
			if out.Response == nil {
				t.Fatalf("%s: nobody listens", step.name)
			}
			if out.Response(proxy.ReplyHead{Header: step.header}) != nil {
				t.Errorf("%s: more than the header is wanted", step.name)
			}
			out.Response(proxy.ReplyHead{Header: http.Header{}, Failed: true}) // an error shows nothing
		}
		if got := strings.Contains(l.refuse(t, url), "\x00"); got != step.streams {
			t.Errorf("%s: streams %t, want %t", step.name, got, step.streams)
		}
		if strings.Contains(l.refuse(t, request), "\x00") {
			t.Errorf("%s: an HTTP API is answered as the URL is", step.name)
		}
	}
	if out := l.deliver(t, `{"httpMethod":"GET","path":"/","requestContext":{"elb":{}}}`); out.Response != nil {
		t.Error("a balancer never streams")
	}
	l.LearnStream = false
	if out := l.deliver(t, url); out.Response != nil {
		t.Error("a configured mode is learned")
	}
}

// B20: what a refusal would break without protecting anything is delivered.
func TestB20NeverRefused(t *testing.T) {
	t.Parallel()
	cognito := func(trigger, more string) string {
		return `{"version":"1","triggerSource":"` + trigger + `","region":"r","userPoolId":"p","userName":"u","callerContext":{},"request":{},"response":{}` + more + `}`
	}
	socket := func(kind, more string) string {
		return `{"headers":{},"requestContext":{"connectionId":"c","eventType":"` + kind + `","routeKey":"$x"},"isBase64Encoded":false` + more + `}`
	}
	call := func(method, headers, more string) string {
		return `{"httpMethod":"` + method + `","path":"/","headers":{` + headers + `},"requestContext":{"elb":{}}` + more + `}`
	}
	preflight := `"origin":"https://a.example","access-control-request-method":"PUT"`
	for name, tt := range map[string]struct {
		raw     string
		refused bool
	}{
		"after confirmation":              {cognito("PostConfirmation_ConfirmSignUp", ""), false},
		"after authentication":            {cognito("PostAuthentication_Authentication", ""), false},
		"before a token":                  {cognito("TokenGeneration_Authentication", ""), false},
		"before sign-up":                  {cognito("PreSignUp_SignUp", ""), true},
		"with a key no service sends":     {cognito("PostConfirmation_ConfirmSignUp", `,"x":1`), true},
		"a connection":                    {socket("CONNECT", ""), true},
		"a message":                       {socket("MESSAGE", `,"body":"x"`), true},
		"a closed connection":             {socket("DISCONNECT", ""), false},
		"a closed connection with a body": {socket("DISCONNECT", `,"body":"x"`), true},
		"a preflight":                     {call("OPTIONS", preflight, ""), false},
		"a preflight with a body":         {call("OPTIONS", preflight, `,"body":"x"`), true},
		"OPTIONS of no browser":           {call("OPTIONS", "", ""), true},
		"a health check":                  {call("GET", `"user-agent":"ELB-HealthChecker/2.0"`, ""), false},
		"a health check with a body":      {call("GET", `"user-agent":"ELB-HealthChecker/2.0"`, `,"body":"x"`), true},
	} {
		r := &records{}
		out := inspect(t, blocking(attack, r), tt.raw)
		if (out.Answer != nil) != tt.refused {
			t.Errorf("%s: %+v, want refused %t", name, out, tt.refused)
		}
		if !tt.refused && (r.all[0].Reason != verdict.NotEnforced || r.all[0].Level != "WARN") {
			t.Errorf("%s: %s, %s: not said", name, r.all[0].Reason, r.all[0].Level)
		}
	}
	// Users see what a Cognito trigger answers: it names no rule and no score.
	out := inspect(t, blocking(attack, &records{}), cognito("PreSignUp_SignUp", ""))
	if got := string(out.Answer.Body); !strings.Contains(got, `"errorMessage":"request refused, verdict `) || strings.Contains(got, "942100") {
		t.Errorf("Cognito answers %s", got)
	}
}
