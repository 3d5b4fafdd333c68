package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// httpIntegration is the content type of a streamed reply that begins with a
// prelude: JSON with statusCode, headers and cookies, then 8 NUL bytes.
const httpIntegration = "application/vnd.awslambda.http-integration-response"

// maxPrelude bounds what is buffered in search of the NUL bytes.
const maxPrelude = 16 << 10

var preludeEnd = make([]byte, 8)

// stream serves a function URL in mode RESPONSE_STREAM.
func (f *frontHandler) stream(w http.ResponseWriter, r *http.Request, req Request) {
	reply := &streamReply{front: f, w: w}
	req.Stream = func(header http.Header) StreamWriter {
		reply.begin(header.Get("Content-Type"))
		return reply
	}
	result, err := f.lambda.Invoke(r.Context(), req)
	switch {
	case reply.written && (err != nil || result.FunctionError != ""):
		// The status is out; cutting the connection is the only way left to
		// tell the client that this was not all.
		panic(http.ErrAbortHandler)
	case f.writeFailure(w, result, err):
	case reply.prelude:
		f.writeBadGateway(w) // it ended before its prelude did
	case !reply.written:
		w.WriteHeader(http.StatusOK)
	}
}

// streamReply decodes the prelude, which arrives in pieces of any size, and
// passes on what follows.
type streamReply struct {
	front   *frontHandler
	w       http.ResponseWriter
	prelude bool   // still reading it
	pending []byte // the prelude so far
	written bool
}

func (s *streamReply) begin(contentType string) {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	s.prelude = mediaType == httpIntegration
	if !s.prelude && contentType != "" {
		s.w.Header().Set("Content-Type", contentType)
	}
}

func (s *streamReply) Write(p []byte) (int, error) {
	n := len(p)
	if s.prelude {
		s.pending = append(s.pending, p...)
		at := bytes.Index(s.pending, preludeEnd)
		if at > maxPrelude || at < 0 && len(s.pending) >= maxPrelude+len(preludeEnd) {
			return 0, fmt.Errorf("prelude over %d bytes", maxPrelude)
		}
		if at < 0 {
			return n, nil
		}
		if err := s.open(s.pending[:at]); err != nil {
			return 0, err
		}
		p, s.pending = s.pending[at+len(preludeEnd):], nil
	}
	s.written = true
	if _, err := s.w.Write(p); err != nil {
		return 0, err
	}
	return n, nil
}

func (s *streamReply) open(prelude []byte) error {
	var doc document
	if err := json.Unmarshal(prelude, &doc); err != nil {
		return fmt.Errorf("prelude: %w", err)
	}
	status := http.StatusOK
	if doc.StatusCode != nil {
		var err error
		if status, err = statusOf(doc.StatusCode); err != nil {
			return err
		}
	}
	for name, values := range s.front.headerOf(doc) {
		s.w.Header()[name] = values
	}
	s.w.Header().Del("Content-Length") // the body is chunked
	if s.w.Header().Get("Content-Type") == "" {
		s.w.Header().Set("Content-Type", "application/octet-stream")
	}
	s.prelude = false
	s.written = true
	s.w.WriteHeader(status)
	return nil
}

// Flush sends what was written to the client, chunk by chunk.
func (s *streamReply) Flush() {
	if !s.written {
		return
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return // the client is gone; the next Write says so
	}
}
