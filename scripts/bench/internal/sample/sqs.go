package sample

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// SQS is a batch of messages with an order of 40 leaves in 1 KB each.
func SQS(seed uint64, messages int) *Event {
	s := newSource(seed)
	ev := &Event{}
	var records []any
	for i := range messages {
		body := OrderJSON(seed*64+uint64(i), 40, 1<<10, "")
		ev.Documents = append(ev.Documents, body)
		ev.Args = append(ev.Args, Leaves(body)...)
		records = append(records, map[string]any{
			"messageId": s.uuid(), "receiptHandle": s.base64(180) + "==", "body": string(body), "md5OfBody": s.hex(32),
			"attributes": map[string]string{
				"ApproximateReceiveCount": "1", "SentTimestamp": strconv.Itoa(1_773_342_238_390 + s.IntN(1_000_000)),
				"SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": strconv.Itoa(1_773_342_238_390 + s.IntN(1_000_000)),
			},
			"messageAttributes": map[string]any{}, "eventSource": "aws:sqs",
			"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders", "awsRegion": "eu-west-1",
		})
	}
	ev.Lambda = encode(map[string]any{"Records": records})
	return ev
}

// Leaves returns the scalars of a JSON text, each with its own key; elements of
// an array have the array's.
func Leaves(doc []byte) []Arg {
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return leaves(nil, "", v)
}

func leaves(to []Arg, name string, v any) []Arg {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			to = leaves(to, k, v[k])
		}
	case []any:
		for _, e := range v {
			to = leaves(to, name, e)
		}
	case nil:
		to = append(to, Arg{name, ""})
	default:
		to = append(to, Arg{name, fmt.Sprint(v)})
	}
	return to
}
