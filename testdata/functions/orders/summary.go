package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
)

func digest(event []byte) string {
	sum := sha256.Sum256(event)
	return hex.EncodeToString(sum[:])
}

// summary is the answer to everything that is not HTTP.
type summary struct {
	Source      string `json:"source"`
	Records     int    `json:"records"`
	Bytes       int    `json:"bytes"`
	SHA256      string `json:"sha256"` // of the event, byte for byte
	Invocations int64  `json:"invocations"`
	PID         int    `json:"pid"`
	// Messages are the ids of the records, in order.
	Messages []string `json:"messages,omitempty"`
	// BatchItemFailures is what queues and streams look for; empty is success.
	BatchItemFailures *[]string `json:"batchItemFailures,omitempty"`
}

// batch is the union of the envelopes that carry records.
type batch struct {
	Records []struct {
		EventSource  string `json:"eventSource"`
		EventSource2 string `json:"EventSource"` // SNS alone writes it so
		MessageID    string `json:"messageId"`
		EventID      string `json:"eventID"`
		SNS          struct {
			MessageID string `json:"MessageId"`
		} `json:"Sns"`
	} `json:"Records"`
	// Firehose and Kafka write the word small, as a list and as an object.
	Small             json.RawMessage `json:"records"`
	DeliveryStreamArn string          `json:"deliveryStreamArn"`
	Source            string          `json:"source"`
	EventSource       string          `json:"eventSource"`
}

func summarise(event []byte, invocation int64) ([]byte, error) {
	s := summary{
		Source:      "direct",
		Bytes:       len(event),
		SHA256:      digest(event),
		Invocations: invocation,
		PID:         os.Getpid(),
	}
	var b batch
	if err := json.Unmarshal(event, &b); err != nil {
		return json.Marshal(s) // a string, a list: still an event
	}
	switch {
	case b.DeliveryStreamArn != "":
		return transform(b.Small)
	case len(b.Records) > 0:
		s.records(b)
	case b.EventSource != "":
		s.Source = b.EventSource
		s.Records = countNested(b.Small)
	case b.Source != "":
		s.Source = b.Source
	}
	return json.Marshal(s)
}

func (s *summary) records(b batch) {
	s.Records = len(b.Records)
	first := b.Records[0]
	if s.Source = first.EventSource; s.Source == "" {
		s.Source = first.EventSource2
	}
	for _, r := range b.Records {
		id := r.MessageID + r.SNS.MessageID
		if id == "" {
			id = r.EventID
		}
		s.Messages = append(s.Messages, id)
	}
	switch s.Source {
	case "aws:sqs", "aws:kinesis", "aws:dynamodb":
		s.BatchItemFailures = &[]string{}
	}
}

// countNested counts Kafka's records: lists under the names of partitions.
func countNested(raw json.RawMessage) int {
	var partitions map[string][]json.RawMessage
	if json.Unmarshal(raw, &partitions) != nil {
		return 0
	}
	n := 0
	for _, records := range partitions {
		n += len(records)
	}
	return n
}

// transform gives Firehose its records back.
func transform(raw json.RawMessage) ([]byte, error) {
	var in []struct {
		RecordID string `json:"recordId"`
		Data     string `json:"data"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	out := []map[string]string{}
	for _, r := range in {
		out = append(out, map[string]string{"recordId": r.RecordID, "result": "Ok", "data": r.Data})
	}
	return json.Marshal(map[string]any{"records": out})
}
