//go:build !unix

package proxy

import "net"

// isOpen cannot be told here without waiting: every poll gets a connection of
// its own. Lambda is Linux; this serves local runs elsewhere.
func isOpen(net.Conn) bool { return false }

func roomBelow() int { return 1 << 10 / connectionsEach }
