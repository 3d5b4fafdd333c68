package waf

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/screen"
)

// newPart makes the engine of a part of the rules about responses. Its Coraza is
// built when a response first needs it.
func newPart(o Options, part rules.Part) (*Engine, error) {
	o.Rules.Part = part
	e := newEngine(o)
	if o.NoScreen || o.Rules.Set != rules.Default {
		return e, nil
	}
	var err error
	if e.program, err = screen.Load(rules.Screen(part, o.Rules.Paranoia)); err != nil {
		return nil, fmt.Errorf("load screen of responses: %w", err)
	}
	return e, nil
}

// runResponse evaluates one transaction over a response, without the rules in
// narrow.
func (e *Engine) runResponse(status int, in *screen.Input, narrow [][2]int) (matched []types.MatchedRule, err error) {
	if err := e.Warm(); err != nil {
		return nil, err
	}
	tx := e.open()
	defer e.finish(tx, &err)
	if err := without(tx, narrow); err != nil {
		return nil, err
	}
	tx.ProcessURI("/", "GET", "HTTP/1.1")
	tx.ProcessRequestHeaders() // gives the rules' variables their values
	if _, err := tx.ProcessRequestBody(); err != nil {
		return nil, fmt.Errorf("evaluate rules: %w", err)
	}
	for _, h := range in.ReplyHeaders {
		tx.AddResponseHeader(ownName(h.Name), h.Value)
	}
	tx.ProcessResponseHeaders(status, "HTTP/1.1")
	if _, _, err := tx.WriteResponseBody([]byte(in.Reply)); err != nil {
		return nil, fmt.Errorf("write response body: %w", err)
	}
	if _, err := tx.ProcessResponseBody(); err != nil {
		return nil, fmt.Errorf("evaluate rules: %w", err)
	}
	return tx.MatchedRules(), nil
}

// responseFinding turns a match into a finding. Its value is what the rule's
// pattern takes, not the body.
func (e *Engine) responseFinding(mr types.MatchedRule, text string) verdict.Finding {
	meta := mr.Rule()
	info := e.info[meta.ID()]
	f := verdict.Finding{
		RuleID: meta.ID(), Engine: "waf", Message: info.message, Severity: meta.Severity().String(), Score: responseScore(meta.Severity()),
		Phase: int(meta.Phase()), Tags: meta.Tags(), Operator: info.operator, Record: -1,
		Path: bodyPath(), Place: verdict.PlaceResponse,
	}
	if _, pattern, ok := strings.Cut(meta.Raw(), `Rx `); ok && info.operator == "rx" {
		pattern, _, _ = strings.Cut(pattern, `" "id:`)
		if re, err := regexp.Compile("(?sm)" + strings.ReplaceAll(pattern, `\"`, `"`)); err == nil {
			f.Value = strings.Clone(clipped(re.FindString(text)))
		}
	}
	return f
}

// responseScore is what a finding in a response weighs. The Core Rule Set refuses a
// response at a score of 4, which is one error, and a request at 5; with one
// threshold for both, an error has to weigh as much as what is critical.
func responseScore(s types.RuleSeverity) int {
	if s == types.RuleSeverityError {
		s = types.RuleSeverityCritical
	}
	return severityScores[s]
}

// mostValue bounds the value of a finding: a match may be as long as the window.
const mostValue = 512

func clipped(s string) string { return s[:min(len(s), mostValue)] }

// errorReply reports whether a response says that something failed: by its
// status, or in JSON, as GraphQL does with a status of 200, by a member of that
// name. In front of it there may be plain values, and nothing else: the lines of
// a log and the fields of a ticket lie deeper.
func errorReply(status int, body []byte) bool {
	if status >= 400 {
		return true
	}
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	for ok {
		var key []byte
		if key, rest, ok = jsonString(rest); !ok {
			return false
		}
		if rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":")); !ok {
			return false
		}
		if slices.Contains(errorKeys[:], strings.ToLower(string(key))) {
			return true
		}
		if rest = bytes.TrimLeft(rest, " \t\r\n"); len(rest) > 0 && rest[0] == '"' {
			_, rest, ok = jsonString(rest)
		} else {
			rest = bytes.TrimLeft(rest, "-+.0123456789abcdefghijklmnopqrstuvwxyzE") // null, true, false, numbers
		}
		if ok {
			rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(","))
		}
	}
	return false
}

// errorKeys name what failed.
var errorKeys = [...]string{
	"error", "errors", "errormessage", "error_message", "error_description", "exception", "fault", "stack", "stacktrace", "sqlmessage", "detail",
}

// jsonString cuts a string in quotes off.
func jsonString(b []byte) (s, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

// mostFirst is how much of a body tells whether it is an error reply.
const mostFirst = 2 << 10
