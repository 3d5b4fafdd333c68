package proxy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

// forward passes a request through unchanged.
func (rl *Relay) forward(w http.ResponseWriter, r *http.Request) {
	resp, ok := rl.exchange(w, r, "")
	if !ok {
		return
	}
	defer resp.Body.Close()
	relayResponse(w, resp)
}

// serveRestore passes the long poll through that a runtime waits on while a
// snapshot is taken and, in every environment made from it, until the restore.
// Whoever asks at another time is refused by the service, and restores nothing.
func (rl *Relay) serveRestore(w http.ResponseWriter, r *http.Request) {
	resp, ok := rl.exchange(w, r, "")
	if !ok {
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK && rl.onRestore != nil {
		rl.onRestore()
	}
	relayResponse(w, resp)
}

// exchange sends r upstream and returns the reply, or false after telling the
// client that there is none. id is the invocation's, for reports.
func (rl *Relay) exchange(w http.ResponseWriter, r *http.Request, id string) (*http.Response, bool) {
	ctx := r.Context()
	body := &watchedBody{ReadCloser: r.Body}
	if r.ContentLength != 0 {
		// A runtime that dies right after its last byte has still replied. One
		// that dies earlier breaks the body, which says so upstream.
		ctx, r.Body = rl.ctx, body
		// The service may refuse a reply before it has read it all.
		_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/1 connections of net/http can
	}
	return rl.send(w, r, rl.up.request(ctx, r), body, id)
}

// send sends out upstream for r. body is what it is sent from.
func (rl *Relay) send(w http.ResponseWriter, r, out *http.Request, body *watchedBody, id string) (*http.Response, bool) {
	resp, err := rl.up.roundTrip(out)
	switch {
	case err == nil:
		return resp, true
	case body.broken.Load():
		rl.report(Event{Kind: AnswerTruncated, RequestID: id, Err: err})
		panic(http.ErrAbortHandler) // nobody is left to read a status
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client hung up on its own poll, or Shutdown did
	}
	rl.report(Event{Kind: UpstreamError, RequestID: id, Err: err})
	writeError(w, http.StatusBadGateway, "Relay.Upstream", "the Runtime API did not answer")
	return nil, false
}

// watchedBody notes that the client's body broke off. The read error itself
// makes the transport close the upstream connection without a last chunk, which
// the service reads as a truncated reply, as it would have without us.
type watchedBody struct {
	io.ReadCloser
	broken atomic.Bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	return n, err
}

// relayResponse streams a reply to the client. If the upstream breaks off, so
// does it: a clean end would pass a truncated body for a whole one.
func relayResponse(w http.ResponseWriter, resp *http.Response) {
	h := w.Header()
	copyHeaders(h, resp.Header)
	suppress(h, "Content-Type")
	suppress(h, "Date")
	if resp.ContentLength >= 0 {
		h["Content-Length"] = []string{strconv.FormatInt(resp.ContentLength, 10)}
	}
	for name := range resp.Trailer {
		h.Add("Trailer", name)
	}
	declared := len(resp.Trailer)
	w.WriteHeader(resp.StatusCode)
	if err := copyFlushing(w, resp); err != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range resp.Trailer {
		if len(resp.Trailer) > declared {
			name = http.TrailerPrefix + name // some came undeclared
		}
		h[name] = values
	}
}

// copyBuffers holds buffers of the size that io.Copy would allocate each time.
var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyFlushing copies a body and sends every piece on as it comes; the last one
// of a body of known length is sent by the end of the handler.
func copyFlushing(w http.ResponseWriter, resp *http.Response) error {
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	left, flusher := resp.ContentLength, http.NewResponseController(w)
	if left < 0 { // a stream: its header says that it has begun
		if err := flusher.Flush(); err != nil {
			return fmt.Errorf("write to client: %w", err)
		}
	}
	for {
		n, err := resp.Body.Read(buf[:])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return fmt.Errorf("write to client: %w", err)
			}
			if left -= int64(n); left != 0 {
				if err := flusher.Flush(); err != nil {
					return fmt.Errorf("write to client: %w", err)
				}
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("read from upstream: %w", err)
		}
	}
}

// writeError answers in the shape of the Runtime API's own errors.
func writeError(w http.ResponseWriter, status int, kind, message string) {
	body, err := json.Marshal(map[string]string{"errorMessage": message, "errorType": kind})
	if err != nil {
		panic(fmt.Sprintf("bug: encode error: %v", err)) // two strings always encode
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the status is written; a client that has gone needs no more
}
