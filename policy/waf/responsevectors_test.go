package waf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/seclang"
	"github.com/merlon-security/merlon/policy/waf"
)

// TestResponseVectors puts each text of testdata/responses/rules.vec to the rules.
// Every rule of ours has two attacks and two benign texts at least.
func TestResponseVectors(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, nil)
	data, err := os.ReadFile("../../testdata/responses/rules.vec")
	if err != nil {
		t.Fatal(err)
	}
	rule := 0
	count := map[int]map[string]int{}
	for i, line := range strings.Split(string(data), "\n") {
		words := strings.SplitN(line, " ", 4)
		switch {
		case line == "":
			continue
		case words[0] == "rule" && len(words) == 2:
			if rule, err = strconv.Atoi(words[1]); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			count[rule] = map[string]int{}
			continue
		}
		if len(words) != 4 || words[0] != "attack" && words[0] != "benign" {
			t.Fatalf("line %d: want attack or benign, a status, a type and a text", i+1)
		}
		status, err := strconv.Atoi(words[1])
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		text, err := strconv.Unquote(words[3])
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		count[rule][words[0]]++
		got, _ := inspectResponse(t, e, replied(status, words[2]), []byte(text))
		if ids := shown(got); words[0] == "attack" && !slices.Contains(ids, rule) || words[0] == "benign" && len(ids) > 0 {
			t.Errorf("line %d, %s of %d: found %v", i+1, words[0], rule, ids)
		}
	}
	for _, id := range ownResponseRules(t) {
		if c := count[id]; c["attack"] < 2 || c["benign"] < 2 {
			t.Errorf("rule %d has %d attacks and %d benign texts, want two each", id, c["attack"], c["benign"])
		}
	}
}

// ownResponseRules are our rules about responses.
func ownResponseRules(t *testing.T) (ids []int) {
	t.Helper()
	for _, part := range []rules.Part{rules.Pages, rules.Errors} {
		parsed, err := seclang.Parse(seclang.Source{Name: "rules", Text: rules.SecLang(rules.Options{Part: part, Paranoia: 1, Threshold: 5})})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range parsed {
			if r.ID >= 9_100_000 {
				ids = append(ids, r.ID)
			}
		}
	}
	if len(ids) < 11 {
		t.Fatalf("%d rules of ours about responses, want 11 at least", len(ids))
	}
	return ids
}

// TestBenignResponses: none of the responses in testdata/responses/benign is
// found anything in, whole or in pieces.
func TestBenignResponses(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, func(o *waf.Options) { o.Responses.Environ = []string{"DB_PASSWORD=t7Kq-92mX_vB4zLp0sWd"} })
	files, err := filepath.Glob("../../testdata/responses/benign/*.txt")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d responses, want 25 at least: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, ok := strings.Cut(string(data), "\n\n")
		line, why, ok2 := strings.Cut(head, "\n")
		var status int
		if _, err := fmt.Sscan(line, &status); err != nil || !ok || !ok2 || why == "" {
			t.Fatalf("%s: want a line of status and type, one that says what it is, an empty one and the body", file)
		}
		_, contentType, _ := strings.Cut(line, " ")
		whole := replied(status, contentType)
		stream := whole
		stream.Stream = true
		for _, got := range [][]int{
			foundIn(t, e, whole, []byte(body)),
			foundIn(t, e, stream, slices.Collect(slices.Chunk([]byte(body), 37))...),
		} {
			if len(got) > 0 {
				t.Errorf("%s: found %v", file, got)
			}
		}
	}
}

func foundIn(t *testing.T, e *waf.Engine, head waf.ResponseHead, pieces ...[]byte) []int {
	got, _ := inspectResponse(t, e, head, pieces...)
	return shown(got)
}

// TestResponsesPage: docs/RESPONSES.md names every rule of ours.
func TestResponsesPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/RESPONSES.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := ownResponseRules(t)
	for _, r := range waf.LeakRules() {
		ids = append(ids, r.ID)
	}
	for _, id := range ids {
		if !strings.Contains(string(page), strconv.Itoa(id)) {
			t.Errorf("docs/RESPONSES.md does not tell of rule %d", id)
		}
	}
}
