package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/review"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

// verdicts takes the verdicts of a guard.
type verdicts struct{ all []verdict.Record }

func (v *verdicts) Add(r verdict.Record)            { v.all = append(v.all, r) }
func (v *verdicts) Count(verdict.Count)             {}
func (v *verdicts) Idle(context.Context, time.Time) {}

// attacks are events of several sources that are refused, each by values at
// other places.
func attacks(t *testing.T) map[string]string {
	t.Helper()
	const sql = "x' UNION SELECT email, password FROM customers -- "
	quoted := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	http := func(route, more string) string {
		return `{"version":"2.0","routeKey":"` + route + `","rawPath":"/orders","rawQueryString":"","headers":{"host":"example.com","content-type":"application/json"},` +
			`"requestContext":{"http":{"method":"POST","path":"/orders","sourceIp":"203.0.113.7"},"stage":"$default"},"isBase64Encoded":false` + more + `}`
	}
	body := func(v any) string { return `,"body":` + quoted(quoted(v)) }
	return map[string]string{
		"a field":               http("POST /orders", body(map[string]any{"note": sql})),
		"an item of a list":     http("POST /orders", body(map[string]any{"items": []any{1, map[string]any{"title": sql}}})),
		"a key with a dot":      http("POST /orders", body(map[string]any{"a.b c": sql})),
		"a key that is a word":  http("POST /orders", body(map[string]any{"null": sql, "true": sql, "on": sql})),
		"a key that is reduced": http("POST /orders", body(map[string]any{"zoe@example.com": sql})),
		"a name":                http("POST /orders", body(map[string]any{sql: 1})),
		"a query":               strings.Replace(http("GET /orders", `,"queryStringParameters":{"status":`+quoted(sql)+`}`), `"rawQueryString":""`, `"rawQueryString":"status=x%27%20UNION%20SELECT%20email,%20password%20FROM%20customers%20--%20"`, 1),
		"a header":              strings.Replace(http("$default", ""), `"host":`, `"x-api-version":"${jndi:ldap://x/a}","host":`, 1),
		"a cookie":              http("GET /orders", `,"cookies":["theme=`+"' OR 1=1--"+`"]`),
		"two values":            http("POST /orders", body(map[string]any{"note": sql, "file": "../../../../etc/passwd"})),
		"a direct event":        `{"customer":` + quoted(sql) + `}`,
		"a record of SQS":       `{"Records":[{"messageId":"1","receiptHandle":"h","body":` + quoted(quoted(map[string]any{"note": sql})) + `,"attributes":{},"messageAttributes":{},"md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:q","awsRegion":"us-east-1"}]}`,
		"a record of Kinesis": `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1","sequenceNumber":"495","data":"` +
			base64.StdEncoding.EncodeToString([]byte(quoted(map[string]any{"user": sql}))) +
			`","approximateArrivalTimestamp":1},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-0:495","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::1:role/r","awsRegion":"us-east-1","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s"}]}`,
	}
}

// verdictsOf puts an event through a guard in block mode.
func verdictsOf(t *testing.T, policy, ev string) []verdict.Record {
	t.Helper()
	cfg := config.Default()
	cfg.Policy = policy
	p, err := agent.LoadPolicy(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.Mode = verdict.Block
	e, err := agent.NewEngine(cfg, p, true)
	if err != nil {
		t.Fatal(err)
	}
	var out verdicts
	g := agent.NewGuard(cfg, p, e, &out)
	g.Keeper = keepsAll{}
	g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Header: http.Header{}, Body: []byte(ev), Received: time.Now(), Deadline: time.Now().Add(time.Minute)})
	return out.all
}

// TestAllowLetsTheEventPass: what a report offers as an exception is a policy
// that lets the very event pass, and is narrower than the rule: the same attack
// at another place is still refused.
func TestAllowLetsTheEventPass(t *testing.T) {
	const elsewhere = `{"somewhere":{"else":{"entirely":"x' UNION SELECT email, password FROM customers -- ${jndi:ldap://x/a} ../../../../etc/passwd' OR 1=1--"}}}`
	for name, ev := range attacks(t) {
		refused := verdictsOf(t, "", ev)
		if len(refused) != 1 || !refused[0].Blocked {
			t.Errorf("%s: is not refused: %+v", name, refused)
			continue
		}
		refused[0].Function.Name = "orders"
		yaml, _ := review.Allow(&review.Entry{Record: refused[0]})
		file := policyFile(t, policyHead+yaml)
		if got := verdictsOf(t, file, ev); len(got) != 0 {
			t.Errorf("%s: still a verdict: %s\nwith\n%s", name, got[0].Message, yaml)
		}
		if got := verdictsOf(t, file, elsewhere); len(got) != 1 || !got[0].Blocked {
			t.Errorf("%s: the exception lets an attack elsewhere pass:\n%s", name, yaml)
		}
	}
}

// logFile is a file with the verdicts of the attacks.
func logFile(t *testing.T) (name string, all []verdict.Record) {
	t.Helper()
	var text strings.Builder
	for _, ev := range attacks(t) {
		for _, r := range verdictsOf(t, "", ev) {
			r.Function.Name, r.Env = "orders", verdict.Env{ID: "01a209f8-0b90-7aaa-94a9-a5aaf70a38d6", Seq: uint64(len(all) + 1)}
			b, err := json.Marshal(&r)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
			text.Write(append(b, '\n'))
		}
	}
	name = filepath.Join(t.TempDir(), "orders.log")
	if err := os.WriteFile(name, []byte("START\n"+text.String()+`{"schema":"merlon.verdict/1","id":`), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, all
}

func TestReport(t *testing.T) {
	name, all := logFile(t)
	html := filepath.Join(t.TempDir(), "report.html")
	code, out, errs := merlon(t, nil, "report", "--html", html, name)
	if code != 0 || !strings.Contains(errs, "wrote "+html) {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	for _, want := range []string{"13 events in 13 verdicts", "9100808", "sqli", "attack chain: ", "203.0.113.7 (asserted by the event)", "1 damaged", name + ":15: damaged", "COVERAGE"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
	if info, err := os.Stat(html); err != nil || info.Size() < 10_000 || info.Mode().Perm() != 0o600 {
		t.Errorf("the page: %v, %v", info, err)
	}
	input, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	code, out, errs = merlon(t, input, "report", "--json")
	var s review.Summary
	if code != 0 || strings.Contains(errs, "wrote") {
		t.Fatalf("exit %d, %s", code, errs)
	}
	var plain map[string]any
	if err := json.Unmarshal([]byte(out), &plain); err != nil || plain["schema"] != review.Schema || plain["verdicts"] != float64(len(all)) {
		t.Errorf("%v, %v: %v", err, s.Verdicts, plain["verdicts"])
	}
	if code, _, errs = merlon(t, nil, "report", "--since", "yesterday", name); code != 2 || !strings.Contains(errs, "want a time such as") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, out, _ = merlon(t, nil, "report", "--since", "2300-01-01", name); code != 0 || !strings.Contains(out, "13 outside the time") {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestExplain(t *testing.T) {
	name, all := logFile(t)
	code, out, errs := merlon(t, nil, "explain", all[0].ID, name)
	for _, want := range []string{all[0].ID + ": ", "refused, mode block", "What would let it pass", "exceptions:", "SecRule ", "docs/PACKS.md"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, explain does not say %q:\n%s%s", code, want, out, errs)
		}
	}
	if code, _, errs = merlon(t, nil, "explain", "nosuchid", name); code != 1 || !strings.Contains(errs, `no verdict "nosuchid"`) {
		t.Errorf("exit %d, %s", code, errs)
	}
}

// TestAboutRules: every rule that a verdict can name has a text and a page, and
// ours the comment that stands above them.
func TestAboutRules(t *testing.T) {
	ours := 0
	for id := range ruleLines() {
		r := aboutRule(id)
		if id >= 9_100_000 {
			ours++
			if r.Comment == "" || strings.Contains(r.Comment, "SecRule") {
				t.Errorf("rule %d: comment %q", id, r.Comment)
			}
		}
		if !utf8.ValidString(r.Text) || r.Text == "" {
			t.Errorf("rule %d: text %q", id, r.Text)
		}
		if id/1000 > 910 && id/1000 < 949 && r.Link == "" {
			t.Errorf("rule %d has no link", id)
		}
	}
	for id, page := range map[int]string{7: "RULES.md", policy.FirstProfileRule: "PROFILE.md", policy.LastProfileRule(): "PROFILE.md", 9100808: "PACKS.md"} {
		if r := aboutRule(id); !strings.HasSuffix(r.Link, page) {
			t.Errorf("rule %d: %s, want %s", id, r.Link, page)
		}
	}
	if len(ruleLines()) < 250 || ours < 90 {
		t.Errorf("%d rules, %d ours", len(ruleLines()), ours)
	}
	// The module of the rule set has the files that the links name.
	for first, name := range crsNames {
		file := "@owasp_crs/REQUEST-" + name + ".conf"
		if _, err := fs.Stat(coreruleset.FS, file); err != nil || !strings.HasPrefix(name, strconv.Itoa(first)+"-") {
			t.Errorf("%d: %s: %v", first, file, err)
		}
	}
}

func TestReportWithAKey(t *testing.T) {
	name, all := logFile(t)
	const secret = "correct-horse-battery-staple-correct"
	b, err := json.Marshal(&all[0])
	if err != nil {
		t.Fatal(err)
	}
	signed := verdict.NewSigner(secret).Seal(b, all[0].Env.ID, all[0].Env.Seq)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(append(signed, '\n'), data...), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := merlon(t, nil, "report", "--key-file", keys, name); code != 0 || !strings.Contains(out, "1 event in 1 verdict,") ||
		!strings.Contains(out, "13 not signed by the key") || strings.Contains(out, "taken at their word") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
	t.Setenv("MERLON_VERDICT_KEY", "short")
	if code, out, errs := merlon(t, nil, "report", name); code != 1 || !strings.Contains(errs, "MERLON_VERDICT_KEY") {
		t.Errorf("a key that is none: exit %d, %s%s", code, out, errs)
	}
	t.Setenv("MERLON_VERDICT_KEY", "another-one-that-signed-nothing-here")
	if code, out, _ := merlon(t, nil, "report", name); code != 0 || !strings.Contains(out, "no verdicts in 16 lines") {
		t.Errorf("exit %d, %s", code, out)
	}
}

// TestReportFromCloudWatch goes over the wire once; what can go wrong there has
// its tests in internal/review/cloudwatch.
func TestReportFromCloudWatch(t *testing.T) {
	name, all := logFile(t)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/") || r.Header.Get("X-Amz-Target") != "Logs_20140328.FilterLogEvents" {
			t.Errorf("request %v", r.Header)
		}
		var out struct {
			Events []map[string]any `json:"events"`
		}
		for i, line := range strings.Split(string(data), "\n") {
			out.Events = append(out.Events, map[string]any{"eventId": strconv.Itoa(i), "timestamp": time.Now().UnixMilli(), "message": line, "logStreamName": "s"})
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if err := json.NewEncoder(w).Encode(&out); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(k, v)
	}
	save := filepath.Join(t.TempDir(), "orders.jsonl")
	for range 2 { // the second time it is continued
		code, out, errs := merlon(t, nil, "report", "--group", "/aws/lambda/orders", "--since", "1h", "--save", save, "--endpoint", srv.URL)
		if code != 0 || !strings.Contains(out, "13 events in 13 verdicts") || !strings.Contains(out, "1 damaged") {
			t.Errorf("exit %d, %d verdicts expected: %s%s", code, len(all), out, errs)
		}
	}
	if code, _, errs := merlon(t, nil, "report", "--group", "/aws/lambda/orders", "--endpoint", srv.URL); code != 1 || !strings.Contains(errs, "--since 24h") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _, errs := merlon(t, nil, "explain", "x", "--group", "g", "--since", "1h", name); code != 1 || !strings.Contains(errs, "want one of them") {
		t.Errorf("exit %d, %s", code, errs)
	}
}
