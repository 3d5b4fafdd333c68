// Package server is the extension's half of the hello. It is apart from
// package hello because it uses net/http, which the wrapper must not link.
//
// The wrapper waits a second, and a cold start waits with it. Answering takes microseconds, but only once the Go
// scheduler lets it: with as many busy goroutines as GOMAXPROCS (Lambda's small
// sizes may give 1), each of its steps waits for a 10 ms time slice of theirs,
// 38 ms in the median and 62 ms at the 99th percentile measured on one CPU with
// one goroutine busy. With GOMAXPROCS one above their number the kernel shares
// the CPU instead, and the same is 0.2 ms and 5 ms. Whoever compiles rules while
// the hello is awaited should raise GOMAXPROCS for that time.
package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/merlon-security/merlon/internal/hello"
)

// Handler answers hellos made with the key and tells onHello what they said.
// onHello is called before the answer is written, so that the runtime's first
// poll finds its facts in place; it must not block. It may be called more than
// once: a runtime that crashed is started again, by the wrapper again.
//
// A request that does not prove the key is refused with 403 and no explanation
// beyond the protocol's name; onHello does not hear of it.
func Handler(key hello.Key, onHello func(hello.Hello)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, hello.Version, http.StatusMethodNotAllowed)
			return
		}
		nonce, h, err := read(key, r)
		if err != nil {
			http.Error(w, hello.Version, http.StatusForbidden)
			return
		}
		onHello(h)
		answer := hello.Version + " " + key.Answer(nonce) + "\n"
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, answer)
	})
}

// read checks the claim before it looks at anything the body says.
func read(key hello.Key, r *http.Request) (nonce string, h hello.Hello, err error) {
	parts := strings.Split(r.Header.Get(hello.HeaderName), " ")
	if len(parts) != 3 || parts[0] != hello.Version || len(parts[1]) != 32 {
		return "", h, errors.New("read hello: want version, nonce and claim")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, hello.MaxBody+1))
	if err != nil {
		return "", h, err
	}
	if !hello.Equal(parts[2], key.Claim(parts[1], body)) {
		return "", h, errors.New("read hello: the claim is not ours")
	}
	h, err = hello.Decode(body)
	return parts[1], h, err
}
