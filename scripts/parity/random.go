package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// random generates the parts of hostile input. Two of the same seed agree.
type random struct {
	*rand.Rand
	tokens int
}

func newRandom(seed uint64) *random {
	return &random{Rand: rand.New(rand.NewPCG(seed, 0x6d65726c6f6e))}
}

func pick[T any](r *random, from ...T) T { return from[r.IntN(len(from))] }

// chance is true once in n times.
func (r *random) chance(n int) bool { return r.IntN(n) == 0 }

// token is a word that no other text of the run has, so that a value is not
// found among the leaves by chance.
func (r *random) token() string {
	r.tokens++
	return fmt.Sprintf("k%x%03x", r.tokens, r.IntN(1<<12))
}

var attacks = []string{
	"<script>alert(1)</script>", "' OR 1=1--", "1'/**/or/**/1=1#", "../../etc/passwd", `..\..\boot.ini`, "${jndi:ldap://x/a}", "{{7*7}}", "$(id)",
	"; cat /etc/passwd", "`id`", "|| ls -l", "<?php system($_GET['x']) ?>", "javascript:alert(1)", "\" onload=\"x", "&lt;b&gt;", "&#60;b&#62;", "&#x3c;",
	"http://169.254.169.254/latest", "O:8:\"stdClass\":0:{}", "\r\nSet-Cookie: a=b", "%3Cb%3E", "%253Cb%253E", "%u003cb%u003e", "%c0%bcb", "1 UNION SELECT a,b FROM c",
	"a\x00b", "\tor\v1=1", "*)(uid=*", "require('fs')", "=1+1", "\\u003cb\\u003e", "a,b;c", "x=y&z=1", "=?utf-8?q?=3Cb=3E?=", "+ADw-b+AD4-",
}

var plain = []string{
	"Ann", "42", "-1.5e3", "true", "false", "null", "a b", "100%", "a+b", "C++", "5 > 3", "Zürich", "日本語", "😀", "＜b＞", "naïve\u00a0café", "ʼ", "ſelect", "K",
	"\"quoted\"", "it's", "a;b", "x,y", "key=value", "#1", "ok.", "e=mc²", "[]", "{}", "2026-01-01T00:00:00Z", "ann@example.com", "/a/b", "-", "_",
}

// value is a text that a client may send: an attack or not, and a token.
func (r *random) value() string {
	s := pick(r, pick(r, attacks...), pick(r, plain...), pick(r, attacks...)+pick(r, plain...))
	if r.chance(3) {
		return r.token() + s
	}
	return s + r.token()
}

// text is a value without the bytes that end a header line.
func (r *random) text() string {
	return strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(r.value())
}

// ascii is a text of ASCII only.
func (r *random) ascii() string {
	return strings.Map(func(c rune) rune {
		if c >= 0x20 && c < 0x7f {
			return c
		}
		return -1
	}, r.value())
}

var names = []string{
	"a", "user", "q", "filter", "name", "items", "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "$where", "id", "query", "data", "body", "0", "length", "_method", "utf8",
}

// name is the plain name of a parameter, field or member.
func (r *random) name() string {
	if r.chance(3) {
		return pick(r, names...) + r.token()
	}
	if r.chance(8) {
		return r.text()
	}
	return pick(r, names...)
}

// nested is a name in the notation of qs and PHP, plain or broken.
func (r *random) nested() string {
	s := r.name()
	for range r.IntN(4) {
		key := pick(r, "", "0", "1", "$ne", "$gt", "$regex", "__proto__", "constructor", "prototype", "x", r.token(), r.name())
		switch r.IntN(10) {
		case 0:
			s += "." + key
		case 1:
			s += "[" + key
		case 2:
			s += "%5B" + key + "%5D"
		default:
			s += "[" + key + "]"
		}
	}
	return s
}

const hexDigits = "0123456789abcdefABCDEF"

// escape writes a text as URL-encoded text, in one of the ways that readers
// put up with.
func (r *random) escape(s string, form bool) string {
	how := r.IntN(6)
	var b strings.Builder
	for i, c := range []byte(s) {
		unreserved := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.~", c) >= 0
		harmless := unreserved || strings.IndexByte("[]$'()*!,:@/?;<>{}|\\`\"^", c) >= 0 || c >= 0x80
		switch {
		case c == ' ' && form && how != 0:
			b.WriteByte('+')
		case how == 1 && r.chance(3), how == 2 && !harmless, how != 2 && !unreserved && !(how == 3 && harmless), how == 4:
			fmt.Fprintf(&b, pick(r, "%%%02x", "%%%02X"), c)
		case how == 5 && r.chance(12) && i > 0:
			fmt.Fprintf(&b, "%%u00%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// broken is an escape that is none, or bytes that are no UTF-8.
func (r *random) broken() string {
	return pick(r, "%", "%%", "%4", "%zz", "%u00", "%c0%bc", "%c1%9c", "%e0%80%af", "%ff%fe", "%fe", "%ed%a0%80", "%f5%80%80%80", "%00", "%0d%0a", "%e9", "%A0", "%c2%a0", "%uff1c", "%u003c", "%C0%AE")
}
