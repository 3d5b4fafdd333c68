package emulator

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// Ports for programs that are told theirs stand below the range from which
// Linux picks for everybody else (32768 and up, net.ipv4.ip_local_port_range):
// one that was free a moment ago cannot be given away before it is bound.
const (
	firstPort, ports = 12000, 20000
	portsOfProcess   = 40 // neighbours by process id do not meet
)

// portsGiven is one for the process, because its ports are.
var portsGiven atomic.Int64

// FreeAddr names a loopback address that nobody listens on and that no other
// call in this process is given.
func FreeAddr() (string, error) {
	start := int64(os.Getpid()) * portsOfProcess
	for range ports {
		port := firstPort + (start+portsGiven.Add(1))%ports
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("no port of %d to %d is free", firstPort, firstPort+ports-1)
}
