// Command pages writes verdict lines for the tests of the report's page: many of
// a busy week, or some with markup and scripts in every text that a line has.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

func main() {
	n := flag.Int("n", 100_000, "verdicts to write")
	seed := flag.Uint64("seed", 1, "seed")
	planted := flag.String("plant", "", "a text to put into every text of every line")
	flag.Parse()
	if err := write(*n, *seed, *planted); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

type rule struct {
	id         int
	class, msg string
}

var rules = []rule{
	{9100800, "sqli", "Tautology behind a broken quote or number"}, {9100803, "sqli", "Statement added to another"},
	{9100808, "sqli", "SQL by its tokens"}, {941110, "xss", "XSS Filter - Category 1: Script Tag Vector"},
	{9101103, "xss", "Markup that a browser would run"}, {930100, "lfi", "Path Traversal Attack (/../) or (/.../)"},
	{9100208, "lfi", "Name of a system or configuration file in a path"}, {9100400, "rce", "Shell command that reads or writes files"},
	{944150, "rce", "Potential Remote Command Execution: Log4j / Log4shell"}, {9100900, "ssrf", "Address of the metadata service"},
	{9100601, "nosql", "Operator of a document database"}, {9101220, "protocol", "GraphQL document made to be expensive"},
}

var triggers = []string{"function-url", "apigw-v2", "apigw-v1", "alb", "sqs", "kinesis", "direct", "appsync"}

// write writes a week. Each line has what a real one has, and its length.
func write(n int, seed uint64, planted string) error {
	out := bufio.NewWriter(os.Stdout)
	enc := json.NewEncoder(out)
	r := rand.New(rand.NewPCG(seed, 7))
	start := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	seqs := map[int]uint64{}
	for i := range n {
		at := start.Add(time.Duration(float64(i) / float64(n) * float64(7*24*time.Hour)))
		rec := one(r, at)
		env := r.IntN(200)
		seqs[env]++
		if planted != "" {
			plant(reflect.ValueOf(&rec).Elem(), planted)
		}
		rec.Schema, rec.ID = verdict.Schema, id(r, at)
		rec.Env = verdict.Env{ID: fmt.Sprintf("01a209f8-0b90-7aaa-94a9-a5aaf70a%04x", env), Seq: seqs[env]}
		if err := enc.Encode(&rec); err != nil {
			return err
		}
	}
	return out.Flush()
}

func one(r *rand.Rand, at time.Time) verdict.Record {
	trigger := triggers[r.IntN(len(triggers))]
	route := fmt.Sprintf("POST /v1/things%d/{id}", r.IntN(30))
	rec := verdict.Record{
		Time: verdict.Timestamp(at), Timestamp: verdict.Timestamp(at), Level: "ERROR",
		Function: verdict.Function{Name: fmt.Sprintf("service-%02d", r.IntN(12)), ARN: "arn:aws:lambda:eu-west-1:123456789012:function:service", Version: "$LATEST"},
		Account:  "123456789012", Region: "eu-west-1", Agent: verdict.Version{Version: "0.1.0"}, Policy: verdict.Version{Version: "orders@3"},
		Ruleset: "crs-4.25.0", RequestID: id(r, at), TraceID: fmt.Sprintf("1-%08x-%024x", r.Uint32(), r.Uint64()), SpanID: fmt.Sprintf("%016x", r.Uint64()),
		Trigger: verdict.Trigger{Type: trigger, Asserted: true},
		Source:  &verdict.Source{IP: fmt.Sprintf("203.0.%d.%d", r.IntN(12), r.IntN(256))},
		HTTP:    &verdict.HTTP{Method: "POST", Route: route, Status: 403},
		Mode:    "block", ModeSetBy: "mode", Action: verdict.ActionBlock, WouldAction: verdict.ActionBlock, Blocked: true, Reason: verdict.RuleMatch,
		Threshold: 5, Severity: verdict.SeverityCritical, Response: verdict.Response{Overridden: true, Status: 403},
		Latency: verdict.Latency{InspectUs: 300 + r.Int64N(2000), TotalUs: 2500},
	}
	for range 1 + r.IntN(3) {
		ru := rules[r.IntN(len(rules))]
		rec.Score += 5
		rec.Matches = append(rec.Matches, verdict.Match{
			Engine: "waf", RuleID: ru.id, Msg: ru.msg, Phase: 2, Severity: "critical", Score: 5,
			Tags:  verdict.Taxonomies{Class: ru.class, OWASP: []string{"OWASP_TOP_10/A03"}, CAPEC: []string{"66"}, CWE: []string{"89"}},
			Field: fmt.Sprintf("body.items[%d].note", r.IntN(9)), Place: "body", Op: "rx",
			Evidence: verdict.Evidence{Excerpt: fmt.Sprintf("a(%d)' UNION SELECT a(5), a(8) FROM a(%d) -- ", r.IntN(20), r.IntN(20)), Bytes: 20 + r.IntN(200)},
		})
	}
	rec.MatchCount = len(rec.Matches)
	rec.Message = fmt.Sprintf("anomaly score %d reached the threshold 5: rule %d, %s", rec.Score, rec.Matches[0].RuleID, rec.Matches[0].Msg)
	switch r.IntN(10) {
	case 0, 1, 2:
		rec.Action, rec.Blocked, rec.Mode, rec.Level = verdict.ActionMonitor, false, "monitor", "WARN"
	case 3:
		rec.Action, rec.WouldAction = verdict.ActionStrip, verdict.ActionStrip
		rec.Removed, rec.RemovedCount = []verdict.Removed{{Record: r.IntN(10), ID: "49590338271490256608559692538361571095921575989136588898"}}, 1
	case 4:
		rec.Matches, rec.MatchCount, rec.Limits, rec.Reason = nil, 0, []string{"bytes"}, verdict.LimitReached
		rec.Action, rec.Message = verdict.ActionMonitor, "not all of the event could be inspected: [bytes]"
	case 5:
		rec.Repeat = &verdict.Repeat{Count: 2 + r.IntN(40), Window: "8.5s", IDs: []string{id(r, at)}}
	}
	return rec
}

// id is a UUIDv7 that depends on the seed only.
func id(r *rand.Rand, at time.Time) string {
	ms, a, b := at.UnixMilli(), r.Uint32()&0xfff, r.Uint64()
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", ms>>16, ms&0xffff, a, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

// plant puts a text into every text of a record.
func plant(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			plant(v.Elem(), text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				plant(v.Field(i), text)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			plant(v.Index(i), text)
		}
	case reflect.String:
		v.SetString(text)
	}
}
