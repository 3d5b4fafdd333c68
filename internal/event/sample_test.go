package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
)

func ownSamples(t testing.TB) map[string][]byte { return eventtest.Samples(t, "../..") }

// sourceOf reads the source off a sample's name, <source>[-variant].
func sourceOf(name string) (source event.Source) {
	for _, s := range event.Sources() {
		if (name == string(s) || strings.HasPrefix(name, string(s)+"-")) && len(s) > len(source) {
			source = s
		}
	}
	return source
}

func TestEverySourceIsIdentified(t *testing.T) {
	t.Parallel()
	seen := map[event.Source]int{}
	for name, raw := range ownSamples(t) {
		ev := event.Decode(raw, nil, event.DefaultLimits())
		if want := sourceOf(name); ev.Source != want || ev.Mixed {
			t.Errorf("%s: source %s, mixed %t, want %s alone", name, ev.Source, ev.Mixed, want)
		}
		if ev.Source.IsHTTP() && (ev.HTTP == nil || ev.HTTP.Method == "") {
			t.Errorf("%s: no HTTP view", name)
		}
		if len(ev.Limits) > 0 {
			t.Errorf("%s: limits %v", name, ev.Limits)
		}
		seen[ev.Source]++
		accountFor(t, raw, ev)
	}
	for _, s := range event.Sources() {
		if seen[s] == 0 {
			t.Errorf("no sample of %s", s)
		}
	}
}

// A span is the record's own JSON.
func TestSpansAreRecords(t *testing.T) {
	t.Parallel()
	spans := 0
	for name, raw := range ownSamples(t) {
		ev := event.Decode(raw, nil, event.DefaultLimits())
		if ev.Spans == nil {
			continue
		}
		if len(ev.Spans) != ev.Records || ev.Records == 0 {
			t.Errorf("%s: %d spans, %d records", name, len(ev.Spans), ev.Records)
		}
		last := 0
		for i, s := range ev.Spans {
			if s.Start < last || s.End <= s.Start || !json.Valid(raw[s.Start:s.End]) {
				t.Fatalf("%s: span %d of record %d is %.80q", name, s.Start, i, raw[s.Start:s.End])
			}
			last = s.End
			spans++
		}
	}
	if spans < 38 {
		t.Errorf("%d spans, want at least 38", spans)
	}
}

func TestRecordsAreNamedAsTheirSourceDoes(t *testing.T) {
	t.Parallel()
	all := ownSamples(t)
	for _, tt := range []struct {
		sample string
		record int
		want   event.Record
	}{
		{"sqs", 1, event.Record{ID: "059f36b4-87a3-44ab-83d2-661975970001", Receives: 2}},
		{"sqs-fifo", 0, event.Record{ID: "059f36b4-87a3-44ab-83d2-661975970000", Group: "g-1", Receives: 1}},
		{"pipes-sqs", 1, event.Record{ID: "059f36b4-87a3-44ab-83d2-661975970001", Receives: 2}},
		{"sns", 0, event.Record{ID: "95df01b4-ee98-5cb9-9903-4c221d41eb5e"}},
		{"s3", 0, event.Record{Pointer: "s3://uploads/in/tea+list%28final%29.csv?versionId=v-1"}},
		{"s3-batch-v1", 0, event.Record{ID: "dGFza2lkZ29lc2hlcmUK", Pointer: "s3://uploads/in/tea+list.csv?versionId=1"}},
		{"s3-batch-v2", 0, event.Record{ID: "dGFza2lkZ29lc2hlcmUK", Pointer: "s3://uploads/in/b.csv"}},
		{"dynamodb", 1, event.Record{ID: "4505400000000005377152",
			Pointer: "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-11-30T23:07:39.115 4505400000000005377152"}},
		{"kinesis", 1, event.Record{ID: "49590338271490256608559692540925570452662273812",
			Pointer: "arn:aws:kinesis:eu-central-1:123456789012:stream/orders shardId-000000000006:49590338271490256608559692540925570452662273812"}},
		{"firehose", 0, event.Record{ID: "49546986683135544286507457936321625675700192471156785154",
			Pointer: "arn:aws:kinesis:eu-central-1:123456789012:stream/orders shardId-000000000000:4954698668313554428650745793632"}},
		{"firehose", 1, event.Record{ID: "r-2"}},
		{"kafka-msk", 2, event.Record{ID: "orders-1@7", Pointer: "orders/1/7"}},
		{"pipes-kafka", 0, event.Record{ID: "orders-0@15", Pointer: "orders/0/15"}},
		{"mq-activemq", 1, event.Record{ID: "ID:2"}},
		{"mq-rabbitmq", 0, event.Record{ID: "m-1"}},
		{"ses", 0, event.Record{ID: "o3vrnil0e2ic28trm7dfhrc2v0cnbeccl4nbp0g1"}},
		{"codecommit", 0, event.Record{ID: "5a824061-17ca-46a9-bbf9-114edeadbeef"}},
		{"documentdb", 0, event.Record{ID: "0163eeb6e7000000090100000009000041e1",
			Pointer: "arn:aws:rds:eu-central-1:123456789012:cluster:shop 0163eeb6e7000000090100000009000041e1"}},
		{"appsync-batch", 1, event.Record{}},
		{"appsync-events", 1, event.Record{ID: "e-2"}},
	} {
		ev := event.Decode(all[tt.sample], nil, event.DefaultLimits())
		if len(ev.Spans) <= tt.record {
			t.Errorf("%s: %d spans", tt.sample, len(ev.Spans))
			continue
		}
		got := ev.Spans[tt.record]
		got.Start, got.End = 0, 0
		if got != tt.want {
			t.Errorf("%s: record %d is %+v, want %+v", tt.sample, tt.record, got, tt.want)
		}
	}
}
