package result_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/scripts/bench/internal/result"
)

var example = result.Results{
	Events: []result.Event{
		{Event: "json-1k", Engine: "merlon", CPU: 100, Allocs: 7, AllocBytes: 4096},
		{Event: "json-1k", Engine: "coraza", CPU: 10_000, Found: 0.5},
		{Event: "json-6m", Engine: "merlon", CPU: 1_000_000},
	},
	Init:        []result.Init{{Engine: "merlon", CPU: 6, UsableCPU: 20, RSS: 18}, {Engine: "coraza", CPU: 80, UsableCPU: 80, RSS: 40}},
	Relay:       []result.Relay{{Event: "100b", Direct: 200, Merlon: 340, Plain: 300}},
	Cold:        []result.Cold{{Event: "get-tiny", Engine: "merlon", Hot: 20, Cold: 66}},
	Growth:      []result.Point{{Series: "leaves", Engine: "merlon", Size: 10, CPU: 30, PerUnit: 3}},
	Adversarial: []result.Point{{Series: "quote", Engine: "coraza", Size: 1024, CPU: 30, PerUnit: 0.03, Found: true}},
	Sizes:       []result.Size{{Name: "extension", Bytes: 16_000_000}},
}

// TestJSON holds the names that programs read.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(&example)
	if err != nil {
		t.Fatal(err)
	}
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(text, &sections); err != nil {
		t.Fatal(err)
	}
	for section, fields := range map[string]string{
		"events": "event engine cpu_us allocs alloc_bytes",
		"init":   "engine cpu_ms usable_cpu_ms rss_mb",
		"relay":  "event direct_p50_us merlon_p50_us",
	} {
		var rows []map[string]any
		if err := json.Unmarshal(sections[section], &rows); err != nil {
			t.Fatalf("%s: %v", section, err)
		}
		for f := range strings.FieldsSeq(fields) {
			if v := rows[0][f]; v == nil || v == 0.0 {
				t.Errorf("%s: field %s is %v, want what was measured", section, f, v)
			}
		}
	}
}

func TestPrint(t *testing.T) {
	var b bytes.Buffer
	example.Print(&b)
	for _, want := range []string{"json-1k", "0.0100", "json-6m", "–", "0.2500", "100b", "140", "quote", "-+-", "16.00", "3.3"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the tables do not hold %q:\n%s", want, b.String())
		}
	}
}
