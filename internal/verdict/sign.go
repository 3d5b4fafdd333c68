package verdict

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Signer is the secret of a deployment, taken apart: one part keys the hashes in
// records, another authenticates lines. A nil Signer does neither. It is never
// printed: not by fmt with any verb, nor by an encoder.
type Signer struct {
	id        string
	mac, hash []byte
}

// NewSigner takes a secret of enough entropy apart. It is nil for an empty one.
func NewSigner(secret string) *Signer {
	if secret == "" {
		return nil
	}
	part := func(use string, n int) []byte {
		b, err := hkdf.Key(sha256.New, []byte(secret), nil, "merlon "+use, n)
		if err != nil {
			panic("bug: hkdf gives up to 8160 bytes of any secret: " + err.Error())
		}
		return b
	}
	return &Signer{id: hex.EncodeToString(part("key id", 4)), mac: part("line", 32), hash: part("hash", 32)}
}

// ID names the key without telling anything of it.
func (s *Signer) ID() string {
	if s == nil {
		return ""
	}
	return s.id
}

// HashKey keys Redactor's hashes; nil without a key.
func (s *Signer) HashKey() []byte {
	if s == nil {
		return nil
	}
	return s.hash
}

// Format prints the id for every verb.
func (s *Signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[key "+s.ID()+"]") }

// MarshalText keeps encoders off the parts.
func (s *Signer) MarshalText() ([]byte, error) { return []byte("[key " + s.ID() + "]"), nil }

// Seal returns the JSON object line with a last member "mac", which holds for
// this environment and this sequence number only: a copy under another number,
// and a line that the handler prints, do not pass Genuine.
func (s *Signer) Seal(line []byte, env string, seq uint64) []byte {
	if s == nil || len(line) == 0 || line[len(line)-1] != '}' {
		return line
	}
	mac := hex.EncodeToString(s.sum(line, env, seq))
	line = append(line[:len(line)-1:len(line)-1], `,"mac":"`...)
	return append(append(append(append(line, s.id...), '.'), mac...), `"}`...)
}

// SealBytes is how much Seal adds at most.
const SealBytes = len(`,"mac":""`) + 8 + 1 + 2*sha256.Size

// Unseal splits a line into the one that was sealed and its mac; ok is false if
// it ends in none.
func Unseal(line []byte) (body []byte, mac string, ok bool) {
	at := len(line) - SealBytes - 1
	if at < 1 || string(line[at:at+8]) != `,"mac":"` || string(line[len(line)-2:]) != `"}` {
		return line, "", false
	}
	body = append(line[:at:at], '}')
	return body, string(line[at+8 : len(line)-2]), true
}

// Genuine reports whether mac is this key's for an unsealed line.
func (s *Signer) Genuine(body []byte, mac, env string, seq uint64) bool {
	return s != nil && hmac.Equal([]byte(mac), []byte(s.id+"."+hex.EncodeToString(s.sum(body, env, seq))))
}

func (s *Signer) sum(line []byte, env string, seq uint64) []byte {
	h := hmac.New(sha256.New, s.mac)
	h.Write([]byte("merlon line 1\n" + strconv.Itoa(len(env)) + "\n" + env + "\n" + strconv.FormatUint(seq, 10) + "\n"))
	h.Write(line)
	return h.Sum(nil)
}
