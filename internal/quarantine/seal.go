package quarantine

import (
	"bytes"
	"errors"

	"filippo.io/age"
)

// sealer encrypts to one public key in the age format, so that the private key
// never has to enter the function (age-encryption.org/v1). Anyone who knows the
// public key can seal: an opened payload is intact, not proven to be ours.
type sealer struct{ to *age.X25519Recipient }

func newSealer(recipient string) (*sealer, error) {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		// age quotes what it was given; a private key pasted by mistake would end
		// up in the log.
		return nil, errors.New("MERLON_QUARANTINE_KEY is not an age X25519 public key: a character of it is wrong or missing")
	}
	return &sealer{to}, nil
}

func (s *sealer) seal(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(plain) + 1<<10)
	w, err := age.Encrypt(&b, s.to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
