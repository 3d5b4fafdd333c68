package review_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/merlon-security/merlon/internal/review"
	"github.com/merlon-security/merlon/internal/verdict"
)

func logOf(t testing.TB, records ...verdict.Record) *review.Log {
	t.Helper()
	var lines []string
	for i := range records {
		records[i].Env.Seq = uint64(i + 1)
		lines = append(lines, line(t, records[i]))
	}
	return read(t, review.Options{}, strings.Join(lines, "\n"))
}

func TestSummaryCountsEvents(t *testing.T) {
	t.Parallel()
	would := func(r *verdict.Record) { r.Action, r.Blocked = verdict.ActionMonitor, false }
	s := review.Summarize(logOf(t,
		record(0), record(1, func(r *verdict.Record) { r.Repeat = &verdict.Repeat{Count: 7, Window: "8s"} }),
		record(2, would, func(r *verdict.Record) { r.Function.Name = "bills"; r.Source.IP = "198.51.100.9" }),
		record(3, func(r *verdict.Record) { r.Action = verdict.ActionStrip }),
		record(4, would, func(r *verdict.Record) {
			r.Matches, r.WouldAction, r.FailOpen, r.Error = nil, verdict.ActionAllow, true, "panic in decode.go:7"
		}),
		record(5, would, func(r *verdict.Record) {
			r.Matches, r.Limits = nil, []string{"bytes"}
			r.WouldAction = verdict.ActionAllow
		}),
	), start)
	want := review.Totals{Events: 12, Refused: 8, Removed: 1, Would: 1, Faulty: 1, Noted: 1, Limits: 1}
	if s.Totals != want || s.Verdicts != 6 {
		t.Errorf("totals %+v, want %+v", s.Totals, want)
	}
	sum := 0
	for _, b := range s.Timeline.Buckets {
		sum += b.Totals.Events
	}
	if sum != 12 || len(s.Timeline.Buckets) < 2 {
		t.Errorf("the timeline holds %d events in %d buckets", sum, len(s.Timeline.Buckets))
	}
	if rows := s.Sources.Rows; len(rows) != 2 || rows[0].Key != "203.0.113.7" || !rows[0].Asserted {
		t.Errorf("sources %+v", rows)
	}
	if c := s.Coverage; len(c) != 2 || c[1].Function != "orders" || c[1].FailedOpen != 1 || c[1].OverLimit != 1 {
		t.Errorf("coverage %+v", c)
	}
}

func TestCoverageReadsSummariesAndMetrics(t *testing.T) {
	t.Parallel()
	l := read(t, review.Options{}, `{"schema":"merlon.summary/1","function":"orders","env":{"id":"`+env1+`","seq":1},"Inspected":200,"FailedOpen":2,"triggers":[{"name":"sqs","count":200}],"Capped":0,"capped":3}
{"schema":"merlon.summary/1","function":"orders","env":{"id":"`+env1+`","seq":2},"Inspected":50,"TelemetryDropped":4}
{"schema":"merlon.metric/1","function":"orders","env":{"id":"`+env1+`","seq":3},"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"Unprotected"}]}]},"Unprotected":1}`)
	want := review.Coverage{
		Function: "orders", Triggers: []string{"sqs"}, Inspected: 250, FailedOpen: 2, Unprotected: 1, Dropped: 4, Unwritten: 3,
	}
	if s := review.Summarize(l, start); len(s.Coverage) != 1 || !reflect.DeepEqual(s.Coverage[0], want) {
		t.Errorf("coverage %+v, want %+v", s.Coverage, want)
	}
}

func TestChains(t *testing.T) {
	t.Parallel()
	class := func(c string) func(*verdict.Record) { return func(r *verdict.Record) { r.Matches[0].Tags.Class = c } }
	on := func(f string) func(*verdict.Record) { return func(r *verdict.Record) { r.Function.Name = f } }
	from := func(ip string) func(*verdict.Record) { return func(r *verdict.Record) { r.Source.IP = ip } }
	s := review.Summarize(logOf(t,
		record(0), record(1), record(2, class("xss")), record(3, class("rce"), on("bills")), // one who tries
		record(4, from("198.51.100.9")), record(5, from("198.51.100.9")), // one text that reads like an attack
		record(6, from("")), record(7, from(""), class("xss")), // nobody knows who
		record(200, class("lfi")), // another visit
	), start)
	if len(s.Chains) != 1 {
		t.Fatalf("%d chains, want 1", len(s.Chains))
	}
	c := s.Chains[0]
	if c.Sender != "203.0.113.7" || len(c.Steps) != 3 || c.Steps[0].Count != 2 || c.Totals.Events != 4 ||
		strings.Join(c.Classes, " ") != "sqli xss rce" || strings.Join(c.Functions, " ") != "orders bills" {
		t.Errorf("chain %+v", c)
	}
}

// TestTimelineIsBounded: two lines a century apart are no reason to make
// millions of bars.
func TestTimelineIsBounded(t *testing.T) {
	t.Parallel()
	for _, years := range []int{0, 1, 20, 150} {
		late := record(1, func(r *verdict.Record) { r.Time = verdict.Timestamp(start.AddDate(years, 0, 0)) })
		s := review.Summarize(logOf(t, record(0), late), start)
		if n := len(s.Timeline.Buckets); n == 0 || n > 97 {
			t.Errorf("%d years: %d buckets", years, n)
		}
	}
}

// hostile are texts that do harm where they are printed as they are.
var hostile = []string{
	"\x1b[2J\x1b]0;owned\x07", "\u009b31m", "ab\rcd\ncd", "\u202etxt.exe", "\u2066x\u2069", "a\u200bb", "\u2028\u2029", "\ufeff", "\U000e0041",
	"</script><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "<!--", "]]>", "{{.}}", "${alert(1)}", "javascript:alert(1)", "\xff\xfe",
}

// plant puts a text into every text of a record.
func plant(v reflect.Value, text string) (n int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return plant(v.Elem(), text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += plant(v.Field(i), text)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += plant(v.Index(i), text)
		}
	case reflect.String:
		v.SetString(text)
		return 1
	}
	return n
}

func planted(t testing.TB) *review.Log {
	t.Helper()
	var records []verdict.Record
	for i, text := range hostile {
		r := record(i)
		r.Principal, r.Repeat = &verdict.Principal{Type: "iam", ID: "x"}, &verdict.Repeat{Count: 2}
		r.Profile, r.Limits, r.ConfigFaults, r.Dropped = &verdict.Version{}, []string{"x"}, []string{"x"}, []string{"x"}
		r.Removed = []verdict.Removed{{}}
		r.Matches[0].Tags = verdict.Taxonomies{OWASP: []string{"x"}, CWE: []string{"x"}}
		id := r.ID
		if n := plant(reflect.ValueOf(&r).Elem(), text); n < 45 {
			t.Fatalf("%d texts in a record, want at least 45", n)
		}
		r.Schema, r.ID, r.Env.ID = verdict.Schema, id, env1
		records = append(records, r)
	}
	l := logOf(t, records...)
	if len(l.Verdicts) != len(hostile) {
		t.Fatalf("%d of %d planted verdicts: %v", len(l.Verdicts), len(hostile), l.Problems)
	}
	return l
}

func TestF4TerminalGetsNoControlCharacters(t *testing.T) {
	t.Parallel()
	l := planted(t)
	s := review.Summarize(l, start)
	var out bytes.Buffer
	if err := s.Print(&out); err != nil {
		t.Fatal(err)
	}
	for i := range l.Verdicts {
		if err := review.Explain(&out, &l.Verdicts[i], func(int) review.RuleText { return review.RuleText{} }); err != nil {
			t.Fatal(err)
		}
	}
	enc := json.NewEncoder(&out)
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "<U+202E>txt.exe") || !strings.Contains(out.String(), "<U+001B>") {
		t.Error("the planted texts are not shown at all")
	}
	for _, c := range out.String() {
		if c != '\n' && (unicode.Is(unicode.C, c) || c == 0x2028 || c == 0x2029) {
			t.Fatalf("%U is printed", c)
		}
	}
}

func page(t testing.TB, l *review.Log) string {
	t.Helper()
	var out bytes.Buffer
	if err := review.Page(&out, l, review.Summarize(l, start)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestF4PageLetsNothingElseRun: the policy's hashes are those of the script and the
// style that are in the page, there is one of each, and nothing that was planted
// is markup.
func TestF4PageLetsNothingElseRun(t *testing.T) {
	t.Parallel()
	text := page(t, planted(t))
	csp := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)
	if csp == nil || !strings.HasPrefix(csp[1], "default-src &#39;none&#39;; ") && !strings.HasPrefix(csp[1], "default-src 'none'; ") {
		t.Fatalf("policy %q", csp)
	}
	policy := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(csp[1])
	for _, tag := range []string{"script", "style"} {
		bodies := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(text, -1)
		if len(bodies) != 1 {
			t.Fatalf("%d elements %s, want 1", len(bodies), tag)
		}
		sum := sha256.Sum256([]byte(bodies[0][1]))
		if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(policy, tag+"-src 'sha256-"+hash+"'") {
			t.Errorf("the policy %s does not hold the hash %s of the %s", policy, hash, tag)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
		t.Errorf("policy %q", policy)
	}
	for _, mark := range []string{"<img", "<script>alert", "onerror=alert(1)>", "\u2028", "\u202e", "style="} {
		if strings.Contains(text, mark) {
			t.Errorf("%q stands in the page", mark)
		}
	}
	if n := strings.Count(text, "<script"); n != 1+strings.Count(text, `<script type="text/plain"`) {
		t.Errorf("%d elements script", n)
	}
	for _, url := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(url[1], "#") {
			t.Errorf("the page refers to %s", url[1])
		}
	}
}

func TestPageOfNothing(t *testing.T) {
	t.Parallel()
	if text := page(t, read(t, review.Options{}, "nothing\n")); !strings.Contains(text, "No verdicts in 1 line.") {
		t.Error("the page does not say that there are none")
	}
}

func TestCleanKeepsScripts(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"Zoë O'Neill", "数据", "नमस्ते", "🦅", "' OR 1=1-…"} {
		if got := review.Clean(s); got != s {
			t.Errorf("Clean(%q) = %q", s, got)
		}
	}
}

func BenchmarkReport(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintln(&text, line(b, record(i)))
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		l := read(b, review.Options{}, text.String())
		page(b, l)
	}
}
