// Package signed vouches for the files that people review. A signature stands
// beside its file and covers its raw bytes; what the file is for, and until when,
// stands in the file and is therefore covered too.
package signed

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// The words that begin keys and signatures, as text.
const (
	publicPrefix  = "merlon-public-1:"
	privatePrefix = "merlon-private-1:"
	sigPrefix     = "merlon-sig/1"
)

// domain keeps a signature from meaning anything elsewhere (RFC 8032 §8.5 leaves
// that to the caller with plain Ed25519).
const domain = "merlon signed file 1\n"

// PublicKey verifies.
type PublicKey struct{ key ed25519.PublicKey }

// PrivateKey signs. It prints as nothing but its public half's id.
type PrivateKey struct{ key ed25519.PrivateKey }

// NewKey makes a key.
func NewKey() (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return PrivateKey{key}, err
}

// Text is the private key as text, to be kept secret.
func (k PrivateKey) Text() string {
	return privatePrefix + base64.StdEncoding.EncodeToString(k.key.Seed())
}

// String hides the key.
func (k PrivateKey) String() string { return "private key " + k.Public().ID() }

// GoString hides the key.
func (k PrivateKey) GoString() string { return k.String() }

// Public is the key that verifies what k signs.
func (k PrivateKey) Public() PublicKey {
	if k.key == nil {
		return PublicKey{}
	}
	return PublicKey{k.key.Public().(ed25519.PublicKey)}
}

// ID names the key in signatures: the first eight bytes of its SHA-256.
func (k PublicKey) ID() string {
	sum := sha256.Sum256(k.key)
	return hex.EncodeToString(sum[:8])
}

// Text is the key as text.
func (k PublicKey) Text() string { return publicPrefix + base64.StdEncoding.EncodeToString(k.key) }

// ParsePublic reads a public key. The error does not quote it: people paste
// private ones.
func ParsePublic(s string) (PublicKey, error) {
	raw, err := decode(s, publicPrefix, ed25519.PublicKeySize)
	if err != nil && strings.HasPrefix(strings.TrimSpace(s), privatePrefix) {
		return PublicKey{}, errors.New("a private key where a public one is wanted: replace it, whoever read this place may sign now")
	}
	return PublicKey{raw}, err
}

// ParsePrivate reads a private key. The error does not quote it.
func ParsePrivate(s string) (PrivateKey, error) {
	raw, err := decode(s, privatePrefix, ed25519.SeedSize)
	if err != nil {
		return PrivateKey{}, err
	}
	return PrivateKey{ed25519.NewKeyFromSeed(raw)}, nil
}

func decode(s, prefix string, size int) ([]byte, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(s), prefix)
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(raw) != size {
		return nil, fmt.Errorf("want a key that begins with %s", prefix)
	}
	return raw, nil
}

// Sign makes the signature of a file, a line of text.
func Sign(k PrivateKey, data []byte) []byte {
	sig := ed25519.Sign(k.key, message(data))
	return fmt.Appendf(nil, "%s %s %s\n", sigPrefix, k.Public().ID(), base64.StdEncoding.EncodeToString(sig))
}

func message(data []byte) []byte { return append([]byte(domain), data...) }

// maxSignature bounds the text of a signature.
const maxSignature = 1 << 10

// ErrNoKey means that the signature is by a key that is not trusted.
var ErrNoKey = errors.New("signed by a key that is not trusted")

// ErrMismatch means that the file is not the one that was signed.
var ErrMismatch = errors.New("the signature is not of this file: it was changed after it was signed, or belongs to another")

// Verify checks a file against its signature and returns the id of the key.
func Verify(data, signature []byte, trusted []PublicKey) (id string, err error) {
	fields := strings.Fields(string(signature[:min(len(signature), maxSignature)]))
	if len(signature) > maxSignature || len(fields) != 3 || fields[0] != sigPrefix {
		return "", fmt.Errorf("signature: want one line that begins with %s", sigPrefix)
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(sig) != ed25519.SignatureSize {
		return "", errors.New("signature: want 64 bytes of base64")
	}
	for _, k := range trusted {
		if k.ID() != fields[1] {
			continue
		}
		if !ed25519.Verify(k.key, message(data), sig) {
			return "", ErrMismatch
		}
		return k.ID(), nil
	}
	return "", ErrNoKey
}
