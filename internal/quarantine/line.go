package quarantine

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Schema names the format of a line.
const Schema = "merlon.quarantine/1"

// Line is one line of the log, of an S3 object or of an SQS message. It has the
// timestamp and level by which Lambda's JSON log format sorts and filters. What
// names the record is there only if it is of a form that no rule matches and no
// terminal obeys; Header has it as it was.
type Line struct {
	Timestamp string `json:"timestamp"`
	Level     string `json:"level"`
	Schema    string `json:"schema"`
	ID        string `json:"id"` // of the record, the same in all of its lines
	VerdictID string `json:"verdictId"`
	RequestID string `json:"requestId"`
	Function  string `json:"function"`
	Source    string `json:"source"`
	Record    int    `json:"record"` // index in the batch
	RecordID  string `json:"recordId,omitempty"`
	Pointer   string `json:"pointer,omitempty"`
	Bytes     int    `json:"bytes"` // of the record's JSON
	Part      int    `json:"part"`  // from 1
	Parts     int    `json:"parts"`
	// One of these holds this part of the base64url (RFC 4648 §5) of an envelope,
	// which is sealed in the age format (age-encryption.org/v1) or plain. The other
	// base64 writes "bin/cc" every few megabytes, which is a rule's business.
	Sealed string `json:"sealed,omitempty"`
	Plain  string `json:"plain,omitempty"`
}

// Header is the first line of an envelope; the record's bytes follow. It is
// sealed with them, so that a line cannot lend its payload another name.
type Header struct {
	Schema    string `json:"schema"`
	ID        string `json:"id"`
	VerdictID string `json:"verdictId"`
	RequestID string `json:"requestId"`
	Function  string `json:"function"`
	Source    string `json:"source"`
	Record    int    `json:"record"`
	RecordID  string `json:"recordId,omitempty"`
	Pointer   string `json:"pointer,omitempty"`
	Bytes     int    `json:"bytes"`
}

// Line returns the line that announces h, without time and payload.
func (h *Header) Line() Line {
	return Line{
		Level: "ERROR", Schema: h.Schema, ID: h.ID, VerdictID: reduce(h.VerdictID), RequestID: reduce(h.RequestID),
		Function: reduce(h.Function), Source: reduce(h.Source), Record: h.Record,
		RecordID: public(h.RecordID), Pointer: public(h.Pointer), Bytes: h.Bytes,
	}
}

// partBytes bounds the payload of a line. Lambda cuts log lines at 256 KB; the
// other fields are bounded by reduce.
const partBytes = 150_000

// encode makes the lines of one record, each with its line break.
func (k *Keeper) encode(e *Entry, it *Item) ([][]byte, error) {
	now := k.now()
	h := Header{
		Schema: Schema, ID: verdict.NewID(now), VerdictID: e.VerdictID, RequestID: e.RequestID, Function: e.FunctionARN,
		Source: string(e.Source), Record: it.Index, RecordID: it.Record.ID, Pointer: it.Record.Pointer, Bytes: len(it.Body),
	}
	// What is not UTF-8 would be replaced in the sealed header only, and the line
	// would not be the header's any more.
	for _, text := range []*string{&h.VerdictID, &h.RequestID, &h.Function, &h.Source, &h.RecordID, &h.Pointer} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
	envelope := append(append(marshal(h), '\n'), it.Body...)
	if k.seal != nil {
		var err error
		if envelope, err = k.seal.seal(envelope); err != nil {
			return nil, fmt.Errorf("seal record %d of %s: %w", it.Index, e.Source, err)
		}
	}
	payload := base64.URLEncoding.EncodeToString(envelope)
	l := h.Line()
	l.Timestamp = now.UTC().Format("2006-01-02T15:04:05.000Z")
	l.Parts = max(1, (len(payload)+partBytes-1)/partBytes)
	var lines [][]byte
	for l.Part = 1; l.Part <= l.Parts; l.Part++ {
		n := min(partBytes, len(payload))
		if k.seal != nil {
			l.Sealed = payload[:n]
		} else {
			l.Plain = payload[:n]
		}
		payload = payload[n:]
		lines = append(lines, append(marshal(l), '\n'))
	}
	return lines, nil
}

// marshal encodes strings and numbers.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bug: strings and numbers always marshal: " + err.Error())
	}
	return b
}

// Open splits an envelope.
func Open(envelope []byte) (Header, []byte, error) {
	var h Header
	head, body, ok := bytes.Cut(envelope, []byte{'\n'})
	if !ok {
		return h, nil, fmt.Errorf("envelope of %d bytes has no header", len(envelope))
	}
	if err := json.Unmarshal(head, &h); err != nil {
		return h, nil, fmt.Errorf("envelope header: %w", err)
	}
	if h.Schema != Schema {
		return h, nil, fmt.Errorf("envelope has schema %q, want %s", h.Schema, Schema)
	}
	if len(body) != h.Bytes {
		return h, nil, fmt.Errorf("envelope holds %d bytes, its header says %d", len(body), h.Bytes)
	}
	return h, body, nil
}

// public returns a source's name for a record if it is made of numbers, as the
// identifiers are that AWS gives out (UUIDs, sequence numbers, shards), else
// nothing. Any other text is somebody's: an object's key or a message's id may
// hold an attack, and these lines may be an event of another function, whose
// rules must find nothing in them.
func public(s string) string {
	const most = 256
	if len(s) > most {
		return ""
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '-' || r == ':' }) {
		if word != "shardId" && strings.Trim(word, "0123456789abcdefABCDEF") != "" {
			return ""
		}
	}
	if strings.Contains(s, "--") || strings.Contains(s, "::") {
		return ""
	}
	return s
}

// reduce leaves of a text what ARNs are written with.
func reduce(s string) string {
	const most = 1024
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == ':' {
			return r
		}
		return '_'
	}, s[:min(most, len(s))])
}
