package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/merlon-security/merlon/internal/report"
)

// webhook posts lines, gzipped, as they stand in the log or as findings.
type webhook struct {
	client *client
	url    string
	key    string
	name   string
	takes  func(report.Kind) bool
	encode func(report.Item) []byte
}

// NDJSON makes a sink that posts the lines themselves.
func NDJSON(e Endpoint) report.Sink {
	return &webhook{client: newClient(e), url: e.URL, key: e.Key, name: "ndjson", takes: all, encode: func(it report.Item) []byte { return it.Line }}
}

// OCSF makes a sink that posts a Detection Finding, on a line, for each verdict.
func OCSF(e Endpoint) report.Sink {
	return &webhook{client: newClient(e), url: e.URL, key: e.Key, name: "ocsf", takes: verdicts, encode: finding}
}

func (w *webhook) Name() string { return w.name }

func (w *webhook) Takes(k report.Kind) bool { return w.takes(k) }

func all(report.Kind) bool { return true }

func verdicts(k report.Kind) bool { return k == report.KindVerdict }

func (w *webhook) Batch(queue []report.Item) int { return fit(queue, 500, 1<<20, 0) }

func (w *webhook) Send(ctx context.Context, batch []report.Item) (report.Receipt, error) {
	var body bytes.Buffer
	z := gzip.NewWriter(&body) // writing to memory does not fail
	for _, it := range batch {
		_, _ = z.Write(w.encode(it))
	}
	_ = z.Close()
	header := map[string]string{"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
	w.sign(header, body.Bytes())
	_, err := w.client.post(ctx, w.url, header, body.Bytes())
	return report.Receipt{}, err
}

// sign adds an HMAC over the time, the key's id and the bytes that are sent, each
// on a line: the receiver checks it before it unpacks anything, and refuses what
// is old.
func (w *webhook) sign(header map[string]string, body []byte) {
	if w.key == "" {
		return
	}
	id, stamp := KeyID(w.key), strconv.FormatInt(w.client.now().Unix(), 10)
	m := hmac.New(sha256.New, []byte(w.key))
	m.Write([]byte(stamp + "\n" + id + "\n"))
	m.Write(body)
	header["Merlon-Timestamp"], header["Merlon-Key-Id"] = stamp, id
	header["Merlon-Signature"] = "sha256=" + hex.EncodeToString(m.Sum(nil))
}

// KeyID names a key of a webhook: the first four bytes of the HMAC, by the key,
// over "merlon key id", in hexadecimal.
func KeyID(key string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte("merlon key id"))
	return hex.EncodeToString(m.Sum(nil)[:4])
}
