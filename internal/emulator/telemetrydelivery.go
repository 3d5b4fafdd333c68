package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// subscription buffers what one extension asked for and sends it in batches.
type subscription struct {
	extension string
	types     []string
	to        *url.URL
	maxItems  int
	maxBytes  int
	timeout   time.Duration

	mu     sync.Mutex
	queue  [][]byte
	bytes  int
	oldest time.Time // when the first of the queue came
	lost   struct{ records, bytes int }

	kick     chan struct{} // something was added
	hurry    chan struct{} // closed: send what there is
	stopped  chan struct{} // closed: send nothing more
	hurrying sync.Once
	stopping sync.Once
	conn     net.Conn // of TCP; the delivering goroutine's
}

func (s *subscription) hasten() { s.hurrying.Do(func() { close(s.hurry) }) }
func (s *subscription) stop()   { s.stopping.Do(func() { close(s.stopped) }) }

// queueFactor bounds what waits for a subscriber that does not take it, in
// batches; more is dropped and told as platform.logsDropped.
const queueFactor = 4

func (s *subscription) add(e telemetryEvent) {
	if !slices.Contains(s.types, e.category) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+len(e.encoded) > queueFactor*s.maxBytes {
		s.lost.records++
		s.lost.bytes += len(e.encoded)
		return
	}
	if len(s.queue) == 0 {
		s.oldest = time.Now()
	}
	s.queue = append(s.queue, e.encoded)
	s.bytes += len(e.encoded)
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// deliver sends batches until the environment is over: one when it is full, or
// when its first event has waited for the subscription's timeout.
func (s *subscription) deliver(gone <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-gone:
		case <-s.stopped:
		case <-ctx.Done():
		}
		cancel()
	}()
	defer func() {
		if s.conn != nil {
			s.conn.Close()
		}
	}()
	for s.awaitBatch(ctx) {
		s.sendBatch(ctx, s.take())
	}
}

// awaitBatch returns when a batch is due, and false when the subscription ends.
func (s *subscription) awaitBatch(ctx context.Context) bool {
	hurry := s.hurry
	for {
		s.mu.Lock()
		n, bytes, oldest := len(s.queue), s.bytes, s.oldest
		s.mu.Unlock()
		hurried := hurry == nil
		if n > 0 && (n >= s.maxItems || bytes >= s.maxBytes || hurried || time.Since(oldest) >= s.timeout) {
			return true
		}
		var due <-chan time.Time
		if n > 0 {
			due = time.After(time.Until(oldest.Add(s.timeout)))
		}
		select {
		case <-s.kick:
		case <-due:
		case <-hurry:
			hurry = nil
		case <-ctx.Done():
			return false
		}
	}
}

// take empties the queue, up to a batch.
func (s *subscription) take() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && n < s.maxItems && size < s.maxBytes {
		size += len(s.queue[n])
		n++
	}
	batch := slices.Clone(s.queue[:n])
	s.queue, s.bytes, s.oldest = slices.Delete(s.queue, 0, n), s.bytes-size, time.Now()
	if s.lost.records > 0 {
		batch = append(batch, newTelemetryEvent("platform", "platform.logsDropped", fields{
			"reason": "BufferFull", "droppedRecords": s.lost.records, "droppedBytes": s.lost.bytes,
		}).encoded)
		s.lost.records, s.lost.bytes = 0, 0
	}
	return batch
}

// maxAttempts is how often a batch is sent before it is dropped.
const maxAttempts = 5

// sendBatch tries until the subscriber takes the batch. An attempt has no time
// limit: a process that is stopped takes what it is sent when it goes on.
func (s *subscription) sendBatch(ctx context.Context, batch [][]byte) {
	backOff := 10 * time.Millisecond
	for range maxAttempts {
		if s.attempt(ctx, batch) == nil {
			return
		}
		select {
		case <-time.After(backOff):
			backOff *= 2
		case <-ctx.Done():
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost.records += len(batch)
	for _, e := range batch {
		s.lost.bytes += len(e)
	}
}

func (s *subscription) attempt(ctx context.Context, batch [][]byte) error {
	if s.to.Scheme == "tcp" {
		return s.attemptTCP(ctx, batch)
	}
	body := slices.Concat([]byte("["), bytes.Join(batch, []byte(",")), []byte("]"))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.to.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := telemetryTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// telemetryTransport opens a connection for each batch: what a subscriber did
// with the last one is of no concern to the next.
var telemetryTransport = &http.Transport{DisableKeepAlives: true, DisableCompression: true}

// attemptTCP writes events as lines (NDJSON) to a connection that stays open.
func (s *subscription) attemptTCP(ctx context.Context, batch [][]byte) error {
	if s.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.to.Host)
		if err != nil {
			return err
		}
		s.conn = conn
		context.AfterFunc(ctx, func() { conn.Close() })
	}
	_, err := s.conn.Write(append(bytes.Join(batch, []byte("\n")), '\n'))
	if err != nil {
		err = errors.Join(err, s.conn.Close())
		s.conn = nil
	}
	return err
}
