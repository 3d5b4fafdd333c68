// Package service is Lambda's side of an execution environment, as far as a
// measurement needs it: the Extensions API, which notes when an extension
// registers and when it first asks for its next event, and the Runtime API,
// which hands out one event after another and notes when the reply has come.
package service

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Service is the API of one environment.
type Service struct {
	// Registered and Polled are called while the extension waits for the reply to
	// its registration and to its first event/next.
	Registered, Polled func()

	server   *http.Server
	listener net.Listener
	events   chan []byte
	took     chan time.Duration
	began    time.Time // written and read by handlers that take turns
	count    int
	polled   atomic.Bool
	closing  chan struct{}
}

// Start listens on a free port of the loopback interface.
func (s *Service) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.listener, s.events, s.took, s.closing = l, make(chan []byte), make(chan time.Duration), make(chan struct{})
	s.server = &http.Server{Handler: s}
	go func() { _ = s.server.Serve(l) }() // ends with Close
	return nil
}

// Addr is the value of AWS_LAMBDA_RUNTIME_API.
func (s *Service) Addr() string { return s.listener.Addr().String() }

// Close breaks off every connection.
func (s *Service) Close() {
	close(s.closing)
	_ = s.server.Close()
}

// Invoke hands out an event and returns the time from writing it to having read
// the reply.
func (s *Service) Invoke(event []byte) (time.Duration, error) {
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	select {
	case s.events <- event:
	case <-patience.C:
		return 0, fmt.Errorf("nobody polled %s for an event", s.Addr())
	}
	select {
	case took := <-s.took:
		return took, nil
	case <-patience.C:
		return 0, fmt.Errorf("no reply at %s", s.Addr())
	}
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/extension/register"):
		if s.Registered != nil {
			s.Registered()
		}
		w.Header().Set("Lambda-Extension-Identifier", "3fa85f64-5717-4562-b3fc-2c963f66afa6")
		_, _ = io.WriteString(w, `{"functionName":"bench","functionVersion":"$LATEST","handler":"handler","accountId":"123456789012"}`)
	case strings.HasSuffix(path, "/extension/event/next"):
		if !s.polled.Swap(true) && s.Polled != nil {
			s.Polled()
		}
		select {
		case <-s.closing:
		case <-r.Context().Done():
		}
	case strings.HasSuffix(path, "/invocation/next"):
		s.next(w, r)
	case strings.HasSuffix(path, "/response"), strings.HasSuffix(path, "/error"):
		_, _ = io.Copy(io.Discard, r.Body)
		took := time.Since(s.began)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"OK"}`)
		select {
		case s.took <- took:
		case <-s.closing:
		}
	default:
		http.NotFound(w, r)
	}
}

func (s *Service) next(w http.ResponseWriter, r *http.Request) {
	var event []byte
	select {
	case event = <-s.events:
	case <-r.Context().Done():
		return
	case <-s.closing:
		return
	}
	s.count++
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(event)))
	h.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", s.count))
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:bench")
	s.began = time.Now()
	_, _ = w.Write(event)
}
