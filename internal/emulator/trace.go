package emulator

import (
	"crypto/sha256"
	"hash"
	"io"
	"net/http"
	"time"
)

// Call is one request to the Runtime and Extensions APIs as it arrived here,
// for those who want to know what a client, or something in front of it, really
// sends.
type Call struct {
	Method  string
	Path    string // as sent, with the query
	Header  http.Header
	Length  int64 // declared; -1 if the body was chunked
	Size    int64 // of the body, as far as it was read
	Sum     [sha256.Size]byte
	Begin   []byte // of the body, at most 4 KiB
	Trailer http.Header
	Broken  bool // the body ended before its end
	Status  int  // of the answer; 0 if the connection was cut instead
	Answer  http.Header
	Arrived time.Time
	Settled time.Time // when the handler was done with it
}

// traced tells Options.Trace of every call when it has been answered.
func (l *Lambda) traced(next http.Handler) http.Handler {
	if l.opts.Trace == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &countedBody{ReadCloser: r.Body, sum: sha256.New()}
		answer := &statusWriter{ResponseWriter: w}
		arrived, header, length := time.Now(), r.Header.Clone(), r.ContentLength
		r.Body = body
		defer func() {
			c := Call{
				Method: r.Method, Path: r.URL.RequestURI(), Header: header, Length: length, Size: body.size, Begin: body.begin,
				Trailer: r.Trailer, Broken: body.broken, Status: answer.status, Answer: w.Header().Clone(),
				Arrived: arrived, Settled: time.Now(),
			}
			body.sum.Sum(c.Sum[:0])
			l.opts.Trace(c)
		}()
		next.ServeHTTP(answer, r)
	})
}

type countedBody struct {
	io.ReadCloser
	sum    hash.Hash
	size   int64
	begin  []byte
	broken bool
}

const maxBegin = 4 << 10

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n])
	b.size += int64(n)
	b.begin = append(b.begin, p[:min(n, maxBegin-len(b.begin))]...)
	b.broken = b.broken || err != nil && err != io.EOF
	return n, err
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
