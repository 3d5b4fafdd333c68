package quarantine

import (
	"context"
	"crypto/x509"
	"net"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi"
)

// NewOn makes a Keeper whose connections are made by dial and whose puts may
// take limit.
func NewOn(o Options, dial func(context.Context, string, string) (net.Conn, error), roots *x509.CertPool, limit time.Duration) (*Keeper, error) {
	k, err := newKeeper(o, awsapi.Network{Dial: dial, Roots: roots})
	if err != nil || limit == 0 {
		return k, err
	}
	switch s := k.store.(type) {
	case *s3Store:
		s.limit = limit
	case *sqsStore:
		s.limit = limit
	}
	return k, nil
}

const (
	LogBytesPerMinute = logBytesPerMinute
	OnceSize          = onceSize
	MaxMessage        = messageBytes
)

// Remembered is how many records the Keeper knows it has kept.
func (k *Keeper) Remembered() int { return len(k.once.known) }

var Host = awsapi.Host
