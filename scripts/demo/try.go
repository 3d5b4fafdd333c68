package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// row is one line of the table.
type row struct {
	no       int
	request  string
	attack   bool
	bare     string
	guarded  string
	verdict  string
	rules    string
	where    string
	took     string
	fault    string
	refused  bool
	delivers bool
}

var (
	verdictID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	varying   = regexp.MustCompile(`"(invocations|pid|id)":"?[0-9]+"?|"X-Invocation":\[?"[0-9]+"\]?|"X-Event-Sha256":"[0-9a-f]+"`)
)

// try sends a case to both sites and compares what came of it with what must.
func try(ctx context.Context, no int, c demoCase, bare, guarded *site) (row, error) {
	r := row{no: no, request: describe(c), attack: c.attack, verdict: "–", rules: "–", where: "–"}
	b, err := bare.send(ctx, c)
	if err != nil {
		return r, err
	}
	g, err := guarded.send(ctx, c)
	if err != nil {
		return r, err
	}
	ran := g.header.Get("X-Invocation") != "" // the handler's own count; the total is compared at the end
	r.bare, r.guarded = outcome(b), outcome(g)
	r.took = fmt.Sprintf("%.1f ms", float64(g.took.Microseconds())/1000)
	r.refused = g.status == 403 || g.header.Get("X-Amz-Function-Error") != "" || strings.Contains(g.body, `"statusCode":403`)
	r.delivers = !r.refused
	if c.hears != "" || c.survivors != nil {
		return tryBatch(ctx, r, c, g, guarded)
	}
	if c.attack {
		r.fault = attackFault(c, r, ran, b)
		if id := verdictID.FindString(lastID(g)); id != "" {
			v, err := guarded.verdict(ctx, id)
			if err != nil {
				return r, err
			}
			r.verdict, r.rules, r.where = v.Action+" "+strconv.Itoa(v.Score), rules(v), where(v)
		} else {
			r.fault = "the refusal names no verdict"
		}
		return r, nil
	}
	r.verdict = "allow"
	if g.status != b.status || varying.ReplaceAllString(g.body, "") != varying.ReplaceAllString(b.body, "") {
		r.fault = "the replies differ"
	}
	if c.front == "invoke" && !strings.Contains(g.body, sha(c.body)) {
		r.fault = "the handler saw other bytes"
	}
	return r, nil
}

// tryBatch checks what became of an event with records: the good ones delivered
// and the source told, or nothing delivered at all.
func tryBatch(ctx context.Context, r row, c demoCase, g response, guarded *site) (row, error) {
	v, err := guarded.verdict(ctx, g.header.Get("X-Amzn-Requestid"))
	if err != nil {
		return r, err
	}
	r.verdict, r.rules, r.where = v.Action+" "+strconv.Itoa(v.Score), rules(v), where(v)
	r.refused = c.survivors == nil
	r.delivers = !r.refused
	var seen struct{ Messages []string }
	_ = json.Unmarshal([]byte(g.body), &seen) // a reply of another shape has none
	switch {
	case v.Action != "strip" && v.Action != "block":
		r.fault = "not refused"
	case !strings.Contains(g.body, c.hears):
		r.fault = "the source does not hear of it"
	case len(c.survivors) > 0 && !slices.Equal(seen.Messages, c.survivors):
		r.fault = fmt.Sprintf("the handler saw %v", seen.Messages)
	}
	return r, nil
}

func attackFault(c demoCase, r row, ran bool, b response) string {
	switch {
	case !r.refused:
		return "not refused"
	case ran:
		return "the handler ran"
	case b.status == 403 || strings.Contains(b.body, "Merlon"):
		return "refused without the layer too: proves nothing"
	}
	return ""
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func lastID(g response) string {
	ids := verdictID.FindAllString(g.body, -1)
	if len(ids) == 0 {
		return ""
	}
	return ids[len(ids)-1]
}

func describe(c demoCase) string {
	if c.front == "invoke" {
		return "invoke  " + c.name
	}
	return fmt.Sprintf("%-6s  %s", c.front, c.name)
}

func outcome(r response) string {
	body := strings.Join(strings.Fields(r.body), " ")
	if e := r.header.Get("X-Amz-Function-Error"); e != "" {
		body = "error " + body
	}
	const most = 34
	if cut := []rune(body); len(cut) > most {
		body = string(cut[:most]) + "…"
	}
	return fmt.Sprintf("%d %s", r.status, body)
}

func rules(v verdictLine) string {
	var ids []string
	for _, m := range v.Matches {
		if id := strconv.Itoa(m.RuleID); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 2 {
		ids = append(ids[:2], fmt.Sprintf("+%d", len(ids)-2))
	}
	return strings.Join(ids, " ")
}

func where(v verdictLine) string {
	if len(v.Matches) == 0 {
		return "–"
	}
	return v.Matches[0].Field
}
