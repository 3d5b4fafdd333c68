package hello

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"net/netip"
	"strings"
)

// Version is part of everything that is authenticated. A wrapper and an
// extension that disagree on it do not understand each other and say so.
const Version = "merlon-hello/1"

// Secret and public names that the platform sets alike for the runtime and for
// extensions (internal/emulator.sharedEnv; "Lambda extensions", "Environment
// variables"). With SnapStart a container token takes the place of the keys.
const (
	secretNames = "AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN"
	publicNames = "AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION"
)

// Key authenticates both sides of one exchange. It is never printed.
type Key struct {
	sum    [sha256.Size]byte
	secret bool
}

// DeriveKey makes the key from a process environment, as from os.Environ, and
// the address of the proxy. The address is part of it so that an answer given
// on one port cannot be relayed to another.
func DeriveKey(environ []string, listen netip.AddrPort) Key {
	var k Key
	h := sha256.New()
	writeField(h, Version+" key")
	writeField(h, listen.String())
	for _, name := range strings.Fields(secretNames) {
		value := lookup(environ, name)
		k.secret = k.secret || value != ""
		writeField(h, value)
	}
	for _, name := range strings.Fields(publicNames) {
		writeField(h, lookup(environ, name))
	}
	h.Sum(k.sum[:0])
	return k
}

// Secret reports whether the key contains anything that a stranger on the same
// machine does not know.
func (k Key) Secret() bool { return k.secret }

// Format prints no key material, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[hello key]") }

// Answer is the extension's proof for a nonce, in hexadecimal.
func (k Key) Answer(nonce string) string { return k.mac("extension", nonce, "") }

// Claim is the wrapper's proof for a nonce and the body it sends. It cannot
// serve as an Answer: the two are of different domains.
func (k Key) Claim(nonce string, body []byte) string { return k.mac("wrapper", nonce, string(body)) }

// Equal compares two proofs in constant time.
func Equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

func (k Key) mac(domain, nonce, body string) string {
	m := hmac.New(sha256.New, k.sum[:])
	writeField(m, Version)
	writeField(m, domain)
	writeField(m, nonce)
	writeField(m, body)
	return hex.EncodeToString(m.Sum(nil))
}

// writeField prefixes the length, so that two lists of fields never hash alike.
func writeField(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}

// lookup returns the first value of a name, as getenv(3) does.
func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if k, v, ok := strings.Cut(entry, "="); ok && k == name {
			return v
		}
	}
	return ""
}
