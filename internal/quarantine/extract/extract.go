// Package extract gets records back out of quarantine: it finds the lines of
// merlon.quarantine/1 in what people have of a log, joins the parts of each
// record, opens and checks them. Everything it reads is hostile: whoever can make
// a function print can write such lines, and whoever knows the public key can
// seal what they like.
package extract

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/merlon-security/merlon/internal/quarantine"
)

// Record is one record out of quarantine, as it was removed.
type Record struct {
	quarantine.Header
	Sealed bool
	Body   []byte
}

// Rejection is a line that was not used, and why.
type Rejection struct {
	Line int // from 1
	Err  error
}

// Result is what a stream held. Records stand in the order of their first lines.
type Result struct {
	Records  []Record
	Rejected []Rejection
	Other    int // lines that are not about quarantine
}

// maxLine bounds a line of input. A whole CloudWatch export may be one line.
const maxLine = 256 << 20

// Read reads lines until the end of r and opens what is in them. Plain entries
// are taken only where identities is empty: with a key at hand, only what was
// sealed for it counts. The error is one of reading; lines that are no good are
// rejections.
func Read(r io.Reader, identities ...age.Identity) (Result, error) {
	var res Result
	j := joiner{entries: map[string]*entry{}}
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for n := 1; in.Scan(); n++ {
		lines, err := find(in.Bytes())
		if len(lines) == 0 && err == nil {
			res.Other++
		}
		for _, l := range lines {
			err = errors.Join(err, j.add(n, l))
		}
		if err != nil {
			res.Rejected = append(res.Rejected, Rejection{n, err})
		}
	}
	for _, e := range j.order {
		rec, err := e.open(identities)
		if err != nil {
			res.Rejected = append(res.Rejected, Rejection{e.line, err})
			continue
		}
		res.Records = append(res.Records, rec)
	}
	return res, in.Err()
}

// open joins, decrypts and checks an entry.
func (e *entry) open(identities []age.Identity) (Record, error) {
	var rec Record
	payload, err := e.payload()
	if err != nil {
		return rec, err
	}
	envelope, err := base64.URLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return rec, fmt.Errorf("payload: %w", err)
	}
	rec.Sealed = e.sealed
	switch {
	case e.sealed && len(identities) == 0:
		return rec, errors.New("the entry is sealed and there is no key")
	case !e.sealed && len(identities) > 0:
		return rec, errors.New("the entry is not sealed, so that anyone may have written it; it is read without a key only")
	case e.sealed:
		if envelope, err = decrypt(envelope, identities); err != nil {
			return rec, err
		}
	}
	if rec.Header, rec.Body, err = quarantine.Open(envelope); err != nil {
		return rec, err
	}
	want, got := rec.Line(), e.head
	want.Timestamp, want.Part, want.Parts, want.Sealed, want.Plain = got.Timestamp, got.Part, got.Parts, got.Sealed, got.Plain
	if want != got {
		return rec, errors.New("the line and what is sealed in it name different records")
	}
	return rec, nil
}

func decrypt(sealed []byte, identities []age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return plain, nil
}
