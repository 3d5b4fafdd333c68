package hello

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// Why a hello failed, for the choice of a remedy.
var (
	ErrNobody   = errors.New("nothing listens there")
	ErrStranger = errors.New("what listens there is not Merlon's extension")
	ErrSlow     = errors.New("no complete answer in time")
)

// Greet says hello at addr and returns nil only if the listener proved that it
// holds the key. The error wraps ErrNobody, ErrStranger or ErrSlow, or is the
// system call's.
//
// Where nobody listens it takes at most about 50 ms, and a second where somebody
// takes the connection and is silent, of time in which this process runs; see
// budget and patience.
func Greet(addr netip.AddrPort, key Key, h Hello) error {
	nonce := newNonce()
	answer, err := exchange(addr, request(addr, key, nonce, h.Encode()), complete)
	if err != nil {
		return fmt.Errorf("hello to %s: %w", addr, err)
	}
	if err := verify(key, nonce, answer); err != nil {
		return fmt.Errorf("hello to %s: %w", addr, err)
	}
	return nil
}

func newNonce() string {
	var b [16]byte
	rand.Read(b[:]) // never returns an error (crypto/rand, since Go 1.24)
	return hex.EncodeToString(b[:])
}

// request writes the exchange's only message, RFC 9112 §2.
func request(addr netip.AddrPort, key Key, nonce string, body []byte) []byte {
	head := "POST " + Path + " HTTP/1.1\r\n" +
		"Host: " + addr.String() + "\r\n" +
		HeaderName + ": " + Version + " " + nonce + " " + key.Claim(nonce, body) + "\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n" +
		"Connection: close\r\n\r\n"
	return append([]byte(head), body...)
}

// maxAnswer bounds what a stranger can make us read.
const maxAnswer = 4 << 10

// answerLength is that of "merlon-hello/1 ", 64 hexadecimal digits and a line
// end.
const answerLength = len(Version) + 1 + 64 + 1

var headEnd = []byte("\r\n\r\n")

// complete reports whether buf is all that will be looked at, so that reading
// need not wait for the connection to close.
func complete(buf []byte) bool {
	_, body, ok := bytes.Cut(buf, headEnd)
	return ok && len(body) >= answerLength || len(buf) >= maxAnswer
}

// verify checks the answer. Nothing of it appears in the error: it may be a
// stranger's.
func verify(key Key, nonce string, answer []byte) error {
	head, body, ok := bytes.Cut(answer, headEnd)
	if !ok || len(head) < len("HTTP/1.1 200") || string(head[:7]) != "HTTP/1." {
		return ErrStranger
	}
	if status := string(head[9:12]); status != "200" {
		return fmt.Errorf("%w: status %q instead of a proof", ErrStranger, status)
	}
	if !Equal(string(body), Version+" "+key.Answer(nonce)+"\n") {
		return fmt.Errorf("%w: no valid proof", ErrStranger)
	}
	return nil
}
