//go:build !linux

package hello

import (
	"errors"
	"net/netip"
)

// exchange exists so that functions that import lambdago compile on their
// developers' machines; Lambda is Linux.
func exchange(netip.AddrPort, []byte, func([]byte) bool) ([]byte, error) {
	return nil, errors.New("only on Linux")
}
