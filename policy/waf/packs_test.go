package waf_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/seclang"
	"github.com/merlon-security/merlon/policy/waf"
)

// packVector is a text in a place of an event, and whether its rule finds it.
type packVector struct {
	attack            bool
	place, name, text string
	at                string // file and line
}

// raw is the event that holds the text.
func (v packVector) raw(t *testing.T) []byte {
	t.Helper()
	var ev any
	switch v.place {
	case "arg":
		ev = object{v.name: v.text}
	case "header":
		ev = headers(v.name, v.text)
	case "query":
		ev = request(object{"rawQueryString": url.QueryEscape(v.name) + "=" + url.QueryEscape(v.text)})
	case "cookie":
		ev = request(object{"cookies": []string{v.name + "=" + url.PathEscape(v.text)}})
	case "path":
		ev = request(object{"rawPath": v.name + url.PathEscape(v.text)})
	case "json", "introspection":
		ev = request(object{v.name: v.text})
	case "key":
		ev = object{"Records": []any{object{"eventSource": "aws:s3", "s3": object{"object": object{"key": v.name + url.QueryEscape(v.text)}}}}}
	default:
		t.Fatalf("%s: unknown place %q", v.at, v.place)
	}
	raw, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// packVectors reads testdata/rules: for each rule a line "rule ID" and below it
// lines of kind, place, name and quoted text.
var packVectors = sync.OnceValues(func() (map[int][]packVector, error) {
	files, err := filepath.Glob("../../testdata/rules/*.vec")
	if err != nil {
		return nil, err
	}
	out := map[int][]packVector{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		rule := 0
		for i, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
			at := fmt.Sprintf("%s:%d", filepath.Base(file), i+1)
			if line == "" {
				continue
			}
			kind, rest, _ := strings.Cut(line, " ")
			if kind == "rule" {
				if rule, err = strconv.Atoi(rest); err != nil || out[rule] != nil {
					return nil, fmt.Errorf("%s: rule %q: want an id that stands once", at, rest)
				}
				out[rule] = []packVector{}
				continue
			}
			place, rest, _ := strings.Cut(rest, " ")
			name, quoted, _ := strings.Cut(rest, " ")
			text, err := strconv.Unquote(quoted)
			if err != nil || rule == 0 || kind != "attack" && kind != "benign" || name == "" {
				return nil, fmt.Errorf("%s: want: attack or benign, place, name, quoted text; below a rule", at)
			}
			out[rule] = append(out[rule], packVector{kind == "attack", place, name, text, at})
		}
	}
	return out, nil
})

// packRules are the rules of the packs.
func packRules(t *testing.T) map[int]seclang.Rule {
	t.Helper()
	parsed, err := seclang.Parse(seclang.Source{Name: "rules", Text: rules.StockOperators(rules.SecLang(rules.Options{Paranoia: 1, Threshold: 5}))})
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]seclang.Rule{}
	for _, r := range parsed {
		if r.ID >= 9_100_000 {
			out[r.ID] = r
		}
	}
	if len(out) < 90 {
		t.Fatalf("%d rules of our own, want at least 90", len(out))
	}
	return out
}

func inspect(t *testing.T, e *waf.Engine, v packVector) verdict.Inspection {
	t.Helper()
	lim := event.DefaultLimits()
	lim.Introspection = v.place == "introspection"
	res, err := e.Inspect(t.Context(), event.Decode(v.raw(t), nil, lim))
	if err != nil {
		t.Fatalf("%s: %v", v.at, err)
	}
	return res
}

// TestPackVectors puts every rule's attacks and benign texts to the whole rule
// set: an attack is found by its rule, and a benign text by none.
func TestPackVectors(t *testing.T) {
	t.Parallel()
	all, err := packVectors()
	if err != nil {
		t.Fatal(err)
	}
	own := packRules(t)
	for id := range all {
		if _, ok := own[id]; !ok {
			t.Errorf("vectors for rule %d, which there is not", id)
		}
	}
	e := build(t, screened)
	for id := range own {
		t.Run(strconv.Itoa(id), func(t *testing.T) {
			t.Parallel()
			count := map[bool]int{}
			for _, v := range all[id] {
				count[v.attack]++
				res := inspect(t, e, v)
				found := slices.ContainsFunc(res.Findings, func(f verdict.Finding) bool { return f.RuleID == id })
				switch {
				case v.attack && !found:
					t.Errorf("%s: %q is not found, but %v", v.at, v.text, ruleIDs(res))
				case !v.attack && len(res.Findings) > 0:
					t.Errorf("%s: benign %q is found by %v", v.at, v.text, ruleIDs(res))
				}
			}
			if count[true] < 2 || count[false] < 2 {
				t.Errorf("%d attacks and %d benign texts, want two of each", count[true], count[false])
			}
		})
	}
}

// TestEveryPackRuleIsNeeded compiles the rules without each one of ours: one of
// its attacks must then pass. A rule that nothing depends on is a cost.
func TestEveryPackRuleIsNeeded(t *testing.T) {
	t.Parallel()
	all, err := packVectors()
	if err != nil {
		t.Fatal(err)
	}
	e := build(t, screened)
	for id, r := range packRules(t) {
		t.Run(strconv.Itoa(id), func(t *testing.T) {
			t.Parallel()
			lacking, err := waf.Without(e, id)
			if err != nil {
				t.Fatal(err)
			}
			needed, others := false, ""
			for _, v := range all[id] {
				if !v.attack {
					continue
				}
				with, without := inspect(t, e, v), inspect(t, lacking, v)
				passes := without.Scores[0] < 5
				if r.Severity == "INFO" { // it only reports
					passes = len(without.Findings) < len(with.Findings)
				}
				needed = needed || passes
				others += fmt.Sprintf("\n  %q: %v", v.text, ruleIDs(without))
			}
			if !needed {
				t.Errorf("rule %d is not needed for any of its attacks:%s", id, others)
			}
		})
	}
}

func ruleIDs(res verdict.Inspection) (ids []int) {
	for _, f := range res.Findings {
		ids = append(ids, f.RuleID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
