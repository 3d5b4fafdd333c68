//go:build unix

package proxy

import (
	"net"
	"syscall"
)

// isOpen reports whether an idle connection has neither been closed by the
// other side nor received anything, which on an idle connection is no reply to
// us. It does not wait: a poll must find out before it is sent, because after
// that it cannot be repeated.
func isOpen(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var readErr error
	err = raw.Read(func(fd uintptr) bool {
		_, readErr = syscall.Read(int(fd), make([]byte, 1))
		return true
	})
	return err == nil && (readErr == syscall.EAGAIN || readErr == syscall.EINTR)
}

// roomBelow is how many connections from below leave enough descriptors.
func roomBelow() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<20 {
		return 1 << 20 / connectionsEach
	}
	return max(leastRoom, int(limit.Cur)/connectionsEach)
}
