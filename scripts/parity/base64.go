package main

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

// marker is the attack that every text of the base64 family carries.
const marker = "<script>alert("

// readable is a text that a handler would take for one.
func (r *random) readable() string {
	s := marker + r.token() + ")</script>"
	switch r.IntN(4) {
	case 0:
		s = pick(r, plain...) + " " + s
	case 1:
		s += pick(r, "", " é日本", "??>>~~ÿ", " and more of it, "+r.token())
	case 2:
		s = strings.Repeat(r.token()+" ", r.IntN(8)) + s
	}
	return s
}

// base64Text writes a text as base64, in one of the ways in which some decoder
// reads it. placed is set if it stands where an event source puts base64, so
// that nothing has to be guessed.
func (r *random) base64Text(placed bool) string {
	text := r.readable()
	enc := pick(r, base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding)
	s := enc.EncodeToString([]byte(text))
	at := func() int { return r.IntN(len(s) + 1) }
	insert := func(what string) {
		i := at()
		s = s[:i] + what + s[i:]
	}
	switch r.IntN(14) {
	case 0:
		s = inLines(s, pick(r, 4, 20, 60, 64, 76), pick(r, "\n", "\r\n", " ", "\t"))
	case 1:
		insert(pick(r, " ", "\n", "\t", "  ", "\r\n"))
	case 2:
		for range 1 + r.IntN(4) {
			insert(pick(r, "!", "*", ".", ",", "'", "\"", "é", "\x00", "%", "#", "(", "-", "_", ":"))
		}
	case 3:
		insert(pick(r, "=", "==", "===", "="))
	case 4: // padding, and more behind it
		s = base64.StdEncoding.EncodeToString([]byte(pick(r, "a", "ab", "hello", "x"))) + s
	case 5: // mixed alphabets
		s = strings.Map(func(c rune) rune {
			if i := strings.IndexRune("+/-_", c); i >= 0 && r.chance(2) {
				return rune("-_+/"[i])
			}
			return c
		}, s)
	case 6:
		s = pick(r, "data:text/html;base64,", "data:;base64,", "DATA:text/html;charset=utf-8;BASE64,", "data:image/svg+xml;x=y;base64,") + s
	case 7:
		s = r.jwt(text)
	case 8:
		s = s[:len(s)-r.IntN(4)]
	case 9: // plus signs that a form has made blanks
		s = strings.ReplaceAll(s, "+", " ")
	case 10:
		s = pick(r, " ", "\n", "", "=") + s + pick(r, " ", "\n", "=", "==", "\r\n")
	case 11:
		if placed {
			s = base64.StdEncoding.EncodeToString([]byte(s))
		}
	}
	return s
}

// jwt is a token, or what is left of one.
func (r *random) jwt(text string) string {
	enc := base64.RawURLEncoding.EncodeToString
	claims := enc([]byte(text))
	head := enc([]byte(pick(r, `{"alg":"none"}`, `{"alg":"HS256","typ":"JWT"}`, "{\n\"alg\":\"none\"}", ` {"alg":"none"}`)))
	switch r.IntN(4) {
	case 0:
		return head + "." + claims
	case 1:
		return head + "." + claims + "."
	case 2:
		return head + ".." + claims + "." + r.token() + "." + r.token()
	default:
		return head + "." + claims + "." + enc([]byte("\x8f\x03\xd5\x99"+r.token()))
	}
}

// base64Event places a text: in a record, as the body of a request, or in a
// string that nothing says is base64.
func (r *random) base64Event() (placed bool, text string, ev []byte) {
	placed = !r.chance(3)
	text = r.base64Text(placed)
	switch {
	case !placed && r.chance(2):
		return placed, text, encodeJSON(map[string]any{"version": "2.0", "rawPath": "/", "rawQueryString": "q=" + url.QueryEscape(text),
			"headers": map[string]string{}, "requestContext": map[string]any{"http": map[string]any{"method": "GET"}}})
	case !placed:
		return placed, text, encodeJSON(map[string]any{"user": map[string]any{"note": text}})
	case r.chance(2):
		return placed, text, encodeJSON(map[string]any{"Records": []any{map[string]any{"eventSource": "aws:kinesis",
			"kinesis": map[string]any{"partitionKey": "p", "sequenceNumber": fmt.Sprint(r.IntN(1e6)), "data": text}}}})
	default:
		return placed, text, encodeJSON(map[string]any{"version": "2.0", "rawPath": "/", "rawQueryString": "", "headers": map[string]string{"content-type": "text/plain"},
			"isBase64Encoded": true, "body": text, "requestContext": map[string]any{"http": map[string]any{"method": "POST"}}})
	}
}
