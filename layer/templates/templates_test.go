// Package templates_test keeps the templates true to the code: what they read is
// what Merlon writes.
package templates_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

type template struct {
	Parameters map[string]map[string]any `yaml:"Parameters"`
	Resources  map[string]struct {
		Type       string    `yaml:"Type"`
		Properties yaml.Node `yaml:"Properties"`
	} `yaml:"Resources"`
}

func load(t *testing.T) template {
	t.Helper()
	data, err := os.ReadFile("cloudwatch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var x template
	if err := yaml.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// filled puts example values into what Fn::Sub fills.
var filled = strings.NewReplacer("${FunctionName}", "orders", "${Group}", "/aws/lambda/orders", "${AWS::Region}", "eu-west-1")

// child finds a value below a mapping.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// texts of a property: one that is substituted is the first of a list.
func text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	return filled.Replace(n.Value)
}

// metrics are the names of metrics that the code can write, with their
// dimensions: the constants of internal/report, and the upper-case members of a
// summary.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	known := map[string][]string{}
	f, err := parser.ParseFile(token.NewFileSet(), "../../internal/report/emf.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.ValueSpec); ok {
			if id, ok := s.Type.(*ast.Ident); ok && id.Name == "Metric" {
				name, err := strconv.Unquote(s.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				known[name] = []string{"function"}
			}
		}
		return true
	})
	known[string(report.Verdicts)] = []string{"function", "action"}
	sum := reflect.TypeFor[verdict.Summary]()
	for i := range sum.NumField() {
		name, _, _ := strings.Cut(sum.Field(i).Tag.Get("json"), ",")
		if name[0] >= 'A' && name[0] <= 'Z' {
			known[name] = []string{"function"}
		}
	}
	if len(known) < 10 {
		t.Fatalf("%d metrics in the code, want at least 10: %v", len(known), known)
	}
	return known
}

// used is a metric as a template names it.
type used struct {
	where, namespace, name string
	dimensions             []string
}

// usedMetrics lists the metrics of the alarms and of the dashboard.
func usedMetrics(t *testing.T, x template) (out []used) {
	t.Helper()
	for id, r := range x.Resources {
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			if name := child(n, "MetricName"); n.Kind == yaml.MappingNode && name != nil {
				u := used{where: id, namespace: text(child(n, "Namespace")), name: name.Value}
				if d := child(n, "Dimensions"); d != nil {
					for _, e := range d.Content {
						u.dimensions = append(u.dimensions, text(child(e, "Name")))
					}
				}
				out = append(out, u)
			}
			for _, c := range n.Content {
				walk(c)
			}
		}
		if r.Type == "AWS::CloudWatch::Alarm" {
			walk(&r.Properties)
		}
	}
	for _, w := range dashboard(t, x) {
		for _, m := range w.Properties.Metrics {
			u := used{where: w.Properties.Title}
			for i, v := range m {
				s, ok := v.(string)
				switch {
				case !ok:
				case i == 0:
					u.namespace = s
				case i == 1:
					u.name = s
				case i%2 == 0:
					u.dimensions = append(u.dimensions, s)
				}
			}
			out = append(out, u)
		}
	}
	return out
}

type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Region, Query, View string
		Metrics                    [][]any
	}
}

func dashboard(t *testing.T, x template) []widget {
	t.Helper()
	props := x.Resources["Dashboard"].Properties
	var body struct {
		Widgets []widget
	}
	if err := json.Unmarshal([]byte(text(child(&props, "DashboardBody"))), &body); err != nil {
		t.Fatalf("dashboard: %v", err)
	}
	return body.Widgets
}

func TestMetricsAreThoseOfTheCode(t *testing.T) {
	known := metrics(t)
	all := usedMetrics(t, load(t))
	ours := 0
	for _, u := range all {
		want, ok := known[u.name]
		if u.namespace == "AWS/Lambda" {
			want, ok = []string{"FunctionName"}, u.name == "Invocations"
		} else {
			ours++
		}
		if !ok || !slices.Equal(u.dimensions, want) || u.namespace != "Merlon" && u.namespace != "AWS/Lambda" {
			t.Errorf("%s: metric %s %s %v: the code has dimensions %v", u.where, u.namespace, u.name, u.dimensions, want)
		}
	}
	if len(all) < 20 || ours < 18 {
		t.Errorf("%d metrics found in the template, %d ours", len(all), ours)
	}
	for _, must := range []string{"Inspected", "Blocked", "WouldBlock", "FailedOpen", "OverLimit", "Unprotected", "TelemetryDropped", "InspectUs", "ConfigFault"} {
		if !slices.ContainsFunc(all, func(u used) bool { return u.name == must }) {
			t.Errorf("nothing shows %s", must)
		}
	}
}

// TestE8CoverageAlarm: the alarm compares what the platform counts with what
// Merlon counts, and its expression names both.
func TestE8CoverageAlarm(t *testing.T) {
	props := load(t).Resources["Coverage"].Properties
	metrics := child(&props, "Metrics")
	ids, expression := map[string]string{}, ""
	for _, m := range metrics.Content {
		if e := child(m, "Expression"); e != nil {
			expression = e.Value
			continue
		}
		stat := child(m, "MetricStat")
		ids[text(child(m, "Id"))] = text(child(child(stat, "Metric"), "Namespace")) + " " + text(child(child(stat, "Metric"), "MetricName"))
	}
	if ids["invocations"] != "AWS/Lambda Invocations" || ids["inspected"] != "Merlon Inspected" {
		t.Errorf("metrics %v", ids)
	}
	words := regexp.MustCompile(`[a-z]+`).FindAllString(expression, -1)
	for _, w := range words {
		if ids[w] == "" {
			t.Errorf("the expression %s names %q", expression, w)
		}
	}
	if !strings.Contains(expression, "invocations - FILL(inspected, 0)") {
		t.Errorf("expression %s: where nothing is inspected there is no metric, which has to count as 0", expression)
	}
	if v := text(child(&props, "TreatMissingData")); v != "notBreaching" {
		t.Errorf("missing data are %s: a function that is not invoked is not uncovered", v)
	}
}

// queries are those of the template by name, with the dashboard's.
func queries(t *testing.T, x template) map[string]query {
	t.Helper()
	out := map[string]query{}
	saved := 0
	add := func(name, text string) {
		q, err := parseQuery(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out[name] = q
	}
	for id, r := range x.Resources {
		if r.Type == "AWS::Logs::QueryDefinition" {
			saved++
			props := r.Properties
			add(id, strings.TrimSpace(text(child(&props, "QueryString"))))
		}
	}
	for _, w := range dashboard(t, x) {
		if w.Type == "log" {
			rest, ok := strings.CutPrefix(w.Properties.Query, "SOURCE '/aws/lambda/orders' | ")
			if !ok {
				t.Errorf("widget %q reads %s", w.Properties.Title, w.Properties.Query)
			}
			add("widget "+w.Properties.Title, rest)
		}
	}
	if saved != 12 {
		t.Errorf("%d saved queries, want 12", saved)
	}
	return out
}

// fields are the paths of what a type is written as, with [] for lists.
func fields(typ reflect.Type, at string, into map[string]bool) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ.Kind() == reflect.Slice:
		fields(typ.Elem(), at+".[]", into)
	case typ.Kind() == reflect.Struct && typ != reflect.TypeFor[verdict.Timestamp]():
		for i := range typ.NumField() {
			f := typ.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "" {
				fields(f.Type, strings.TrimPrefix(at+"."+name, "."), into)
			}
		}
	default:
		into[at] = true
	}
}

// lineFields are the fields of all lines of Merlon's.
func lineFields() map[string]bool {
	known := map[string]bool{}
	fields(reflect.TypeFor[verdict.Record](), "", known)
	fields(reflect.TypeFor[verdict.Summary](), "", known)
	// merlon.log/1 has no type: these are in its lines, see docs/OPERATIONS.md.
	for _, f := range []string{"level", "message", "event", "mode", "policy", "configFaults.[]", "remedy"} {
		known[f] = true
	}
	return known
}

var indexes = regexp.MustCompile(`\.[0-9]+(\.|$)`)

func TestQueriesUseFieldsOfTheLines(t *testing.T) {
	known := lineFields()
	checked := 0
	for name, q := range queries(t, load(t)) {
		for _, f := range q.uses() {
			checked++
			if !known[indexes.ReplaceAllString(f, ".[]$1")] {
				t.Errorf("%s: no line has the field %s", name, f)
			}
		}
	}
	if checked < 60 {
		t.Errorf("%d fields in queries, want at least 60", checked)
	}
	operations, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"level", "message", "event", "mode", "policy", "configFaults", "remedy"} {
		if !bytes.Contains(operations, []byte(`"`+f+`":`)) {
			t.Errorf("docs/OPERATIONS.md shows no line with %s", f)
		}
	}
}

// lines are what a reporter writes for a handful of events.
func lines(t *testing.T) (rows []row) {
	t.Helper()
	var out bytes.Buffer
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	r := report.New(report.Options{
		Out: &out, Env: "01a209f8-0b90-7aaa-94a9-a5aaf70a38d6", Function: "orders", Summaries: true, PerMinute: 1000,
		Now: func() time.Time { return now },
	})
	add := func(n int, ip, class, route string, action, would verdict.Action, change func(*verdict.Record)) {
		for range n {
			now = now.Add(time.Second)
			rec := verdict.Record{
				Schema: verdict.Schema, ID: verdict.NewID(now), Time: verdict.Timestamp(now), Function: verdict.Function{Name: "orders"},
				Trigger: verdict.Trigger{Type: "apigw-v2"}, Source: &verdict.Source{IP: ip}, HTTP: &verdict.HTTP{Method: "GET", Route: route},
				Action: action, WouldAction: would, Reason: verdict.RuleMatch,
			}
			if class != "" {
				rec.Matches = []verdict.Match{{RuleID: len(class), Msg: "of " + class, Tags: verdict.Taxonomies{Class: class}, Field: "body.note"}}
			}
			if change != nil {
				change(&rec)
			}
			r.Add(rec)
			r.Count(verdict.Count{Trigger: "apigw-v2", Action: action, WouldAction: would, OverLimit: len(rec.Limits) > 0, FailOpen: rec.FailOpen, InspectUs: 100})
		}
	}
	add(5, "203.0.113.7", "sqli", "GET /orders", verdict.ActionBlock, verdict.ActionBlock, nil) // one line, and one for four equal ones
	add(1, "203.0.113.7", "xss", "GET /orders", verdict.ActionBlock, verdict.ActionBlock, nil)
	add(1, "198.51.100.9", "sqli", "GET /bills", verdict.ActionMonitor, verdict.ActionBlock, nil)
	add(1, "198.51.100.9", "", "GET /bills", verdict.ActionMonitor, verdict.ActionAllow, func(r *verdict.Record) { r.Limits, r.Reason = []string{"bytes"}, verdict.LimitReached })
	add(1, "198.51.100.9", "", "GET /bills", verdict.ActionAllow, verdict.ActionAllow, func(r *verdict.Record) { r.FailOpen, r.Reason = true, verdict.EngineFault })
	add(1, "", "rce", "", verdict.ActionMonitor, verdict.ActionBlock, func(r *verdict.Record) {
		r.Reason, r.Trigger.Type, r.HTTP, r.Source = verdict.NotEnforced, "sqs", nil, nil
	})
	add(1, "", "rce", "", verdict.ActionStrip, verdict.ActionStrip, func(r *verdict.Record) {
		r.Trigger.Type, r.HTTP, r.Source, r.RemovedCount, r.Removed = "kinesis", nil, nil, 1, []verdict.Removed{{Record: 3, Pointer: "shard:7"}}
	})
	r.Close(t.Context())
	fmt.Fprintln(&out, `{"level":"ERROR","timestamp":"2026-11-23T15:17:06.172Z","message":"the proxy cannot listen","schema":"merlon.log/1","event":"unprotected","remedy":"free the port"}`)
	fmt.Fprintln(&out, `{"level":"INFO","timestamp":"2026-11-23T15:17:06.172Z","message":"merlon attached","schema":"merlon.log/1"}`)
	for line := range strings.Lines(out.String()) {
		row, err := flatten(line)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	rows = append(rows, row{"@message": "a line of the handler", "schema": "orders/1", "action": "block"})
	return rows
}

// TestQueriesFindWhatTheySay runs the saved queries over real lines.
func TestQueriesFindWhatTheySay(t *testing.T) {
	all := queries(t, load(t))
	rows := lines(t)
	for name, want := range map[string][]string{ // columns of each row of the result
		"QueryRefused":        {"action", "strip", "block", "monitor", "monitor", "block", "block"},
		"QueryByClass":        {"matches.0.tags.class+action+verdicts+collapsed+sources", "sqli block 2 4 1", "xss block 1 0 1", "sqli monitor 1 0 1", "rce monitor 1 0 0", "rce strip 1 0 0"},
		"QueryByRule":         {"matches.0.ruleId+action+verdicts", "4 block 2", "3 block 1", "4 monitor 1", "3 monitor 1", "3 strip 1"},
		"QueryByTrigger":      {"trigger.type+action+verdicts", "apigw-v2 block 3", "apigw-v2 monitor 1", "sqs monitor 1", "kinesis strip 1"},
		"QueryByRoute":        {"http.route+action+verdicts", "GET /orders block 3", "  monitor 1", "  strip 1", "GET /bills monitor 1"},
		"QuerySources":        {"source.ip+verdicts+collapsed+families+routes", "203.0.113.7 3 4 2 1", "198.51.100.9 1 0 1 1", " 2 0 1 0"},
		"QueryBeforeBlocking": {"matches.0.ruleId+http.route+sources", "4 GET /bills 1", "3  0"},
		"QueryNotEnforced":    {"trigger.type", "sqs"},
		"QueryUninspected":    {"reason+verdicts", "limit 1", "engine-fault 1"},
		"QueryRemoved":        {"trigger.type+removed.0.pointer", "kinesis shard:7"},
		"QueryInspected":      {"inspected+refused+would+failed+limited", "11 7 2 1 1"},
		"QueryAgent":          {"event+remedy", "unprotected free the port"},
	} {
		columns := strings.Split(want[0], "+")
		var got []string
		for _, r := range all[name].run(rows) {
			var line []string
			for _, c := range columns {
				line = append(line, r[c])
			}
			got = append(got, strings.TrimSpace(strings.Join(line, " ")))
		}
		var expect []string
		for _, w := range want[1:] {
			expect = append(expect, strings.TrimSpace(w))
		}
		if strings.HasPrefix(name, "QueryBy") || name == "QuerySources" {
			slices.Sort(got)
			slices.Sort(expect)
		}
		if !slices.Equal(got, expect) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(expect, "\n"))
		}
	}
	if len(all) < 17 {
		t.Errorf("%d queries, want at least 17", len(all))
	}
}

func TestContributorRuleUsesFieldsOfTheRecord(t *testing.T) {
	props := load(t).Resources["Sources"].Properties
	var rule struct {
		Schema                 map[string]any
		LogGroupNames          []string
		LogFormat, AggregateOn string
		Contribution           struct {
			Keys    []string
			Filters []struct {
				Match string
				In    []string
			}
		}
	}
	dec := json.NewDecoder(strings.NewReader(text(child(&props, "RuleBody"))))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rule); err != nil {
		t.Fatal(err)
	}
	known := lineFields()
	names := slices.Clone(rule.Contribution.Keys)
	for _, f := range rule.Contribution.Filters {
		names = append(names, f.Match)
	}
	for _, n := range names {
		if field, ok := strings.CutPrefix(n, "$."); !ok || !known[field] {
			t.Errorf("%s is no field of a verdict", n)
		}
	}
	// Four of each are allowed (Contributor Insights rule syntax).
	if n := len(rule.Contribution.Keys); n < 1 || n > 4 || len(rule.Contribution.Filters) > 4 || rule.Contribution.Filters[0].In[0] != verdict.Schema ||
		rule.LogFormat != "JSON" || rule.AggregateOn != "Count" || !slices.Equal(rule.LogGroupNames, []string{"/aws/lambda/orders"}) {
		t.Errorf("rule %+v", rule)
	}
}

// TestTheChecksCanFail: each check finds a template that is wrong.
func TestTheChecksCanFail(t *testing.T) {
	for _, bad := range []string{"", "fields", "stats sum(a", "filter a ~ 1", "filter a = 1 and", "parse @message", "limit none", "sort a up", "stats avg(Inspected)", "fields a; b"} {
		if q, err := parseQuery(bad); err == nil {
			t.Errorf("parseQuery(%q) = %v", bad, q)
		}
	}
	known := lineFields()
	q, err := parseQuery(`filter schema = "x" and actoin = "block" | stats sum(repeats.count) as n by matches.0.class | sort n desc`)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, f := range q.uses() {
		if !known[indexes.ReplaceAllString(f, ".[]$1")] {
			wrong++
		}
	}
	if wrong != 3 {
		t.Errorf("%d fields of %v found wrong, want 3", wrong, q.uses())
	}
	if _, ok := metrics(t)["BlockedEvents"]; ok {
		t.Error("a metric that nobody writes is known")
	}
}
