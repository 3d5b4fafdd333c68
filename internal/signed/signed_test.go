package signed_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/signed"
)

func key(t testing.TB) signed.PrivateKey {
	t.Helper()
	k, err := signed.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	k, other := key(t), key(t)
	data := []byte("apiVersion: merlon.dev/v1\n")
	sig := signed.Sign(k, data)
	if id, err := signed.Verify(data, sig, []signed.PublicKey{other.Public(), k.Public()}); err != nil || id != k.Public().ID() {
		t.Errorf("Verify = %q, %v, want %q", id, err, k.Public().ID())
	}
	if _, err := signed.Verify(append(data, ' '), sig, []signed.PublicKey{k.Public()}); !errors.Is(err, signed.ErrMismatch) {
		t.Errorf("another file: %v", err)
	}
	if _, err := signed.Verify(data, sig, []signed.PublicKey{other.Public()}); !errors.Is(err, signed.ErrNoKey) {
		t.Errorf("another key: %v", err)
	}
	if _, err := signed.Verify(data, sig, nil); !errors.Is(err, signed.ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	for i := range sig { // whatever is changed in a signature, it is none
		bad := []byte(string(sig))
		bad[i] ^= 1
		if _, err := signed.Verify(data, bad, []signed.PublicKey{k.Public()}); err == nil && string(bad[i]) != "\n" && strings.TrimSpace(string(bad)) != strings.TrimSpace(string(sig)) {
			t.Errorf("a signature with byte %d changed is good: %q", i, bad)
		}
	}
	forged := strings.Replace(string(signed.Sign(other, data)), other.Public().ID(), k.Public().ID(), 1)
	if _, err := signed.Verify(data, []byte(forged), []signed.PublicKey{k.Public()}); !errors.Is(err, signed.ErrMismatch) {
		t.Errorf("a foreign signature under a trusted id: %v", err)
	}
}

func TestKeysAreText(t *testing.T) {
	t.Parallel()
	k := key(t)
	private, err := signed.ParsePrivate(k.Text() + "\n")
	if err != nil || private.Public().Text() != k.Public().Text() {
		t.Errorf("ParsePrivate: %v", err)
	}
	public, err := signed.ParsePublic(" " + k.Public().Text())
	if err != nil || public.ID() != k.Public().ID() {
		t.Errorf("ParsePublic: %v", err)
	}
	for _, s := range []string{"", "x", k.Text(), k.Public().Text()[:40], k.Public().Text() + "AAAA"} {
		if _, err := signed.ParsePublic(s); err == nil {
			t.Errorf("ParsePublic(%q) is taken", s)
		} else if len(s) > 20 && strings.Contains(err.Error(), s[len(s)-20:]) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, k); strings.Contains(text, strings.TrimPrefix(k.Text(), "merlon-private-1:")) || strings.Contains(text, "0x") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := key(f)
	f.Add([]byte("data"), signed.Sign(k, []byte("data")))
	f.Fuzz(func(t *testing.T, data, sig []byte) {
		if _, err := signed.Verify(data, sig, []signed.PublicKey{k.Public()}); err == nil && string(data) != "data" {
			t.Fatal("a forgery")
		}
	})
}
