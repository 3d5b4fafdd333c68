package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// host is the name under which the service reaches extensions.
const host = "sandbox.localdomain"

// resolving bounds the wait for the name: it stands in the sandbox's own files
// or nowhere, and INIT does not wait for name servers.
const resolving = 100 * time.Millisecond

// What a listener takes at most. A batch is at most twice the subscription's
// 256 KiB and its metadata ("Telemetry API", buffering).
const (
	maxBatch       = 1 << 20
	maxConnections = 8
	maxHeader      = 8 << 10
)

// Listener receives batches at an address that nobody can guess, and hands them
// to take, one at a time.
type Listener struct {
	listener net.Listener
	server   *http.Server
	path     string
	take     func([]byte) error
	one      sync.Mutex // a batch at a time: memory is the function's
	served   chan struct{}
}

// Listen binds the address that the sandbox's name has, or loopback where it has
// none, as outside Lambda. take gets each batch; its error has the service send
// the batch again.
func Listen(ctx context.Context, take func(batch []byte) error) (*Listener, error) {
	bound, err := net.Listen("tcp", net.JoinHostPort(address(ctx), "0"))
	if err != nil {
		return nil, fmt.Errorf("listen for telemetry: %w", err)
	}
	l := &Listener{listener: bound, path: "/" + rand.Text(), take: take, served: make(chan struct{})}
	l.server = &http.Server{
		Handler:                      http.HandlerFunc(l.serveHTTP),
		MaxHeaderBytes:               maxHeader,
		ReadTimeout:                  30 * time.Second,
		IdleTimeout:                  30 * time.Second,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0), // it would print what a stranger sent
	}
	go func() {
		defer close(l.served)
		_ = l.server.Serve(&limited{Listener: bound, places: make(chan struct{}, maxConnections)}) // ends with Close
	}()
	return l, nil
}

// address is that of the sandbox's name.
func address(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, resolving)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil || len(found) == 0 {
		return "127.0.0.1"
	}
	return found[0]
}

// URL is what to subscribe with.
func (l *Listener) URL() string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(l.listener.Addr().(*net.TCPAddr).Port)) + l.path
}

// Close ends the listener and what it is receiving.
func (l *Listener) Close() {
	_ = l.server.Close() // the connections are gone either way
	<-l.served
}

func (l *Listener) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte(l.path)) != 1 {
		refuse(w, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	l.one.Lock()
	defer l.one.Unlock()
	batch, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBatch))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge)
	case err != nil || l.take(batch) != nil:
		refuse(w, http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// refuse ends the connection as well: what is left of a body is not read.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
}

// limited accepts so many connections at once as it has places; others wait.
type limited struct {
	net.Listener
	places chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

type placed struct {
	net.Conn
	leave func()
}

func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}
