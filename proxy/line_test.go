package proxy

import (
	"net"
	"runtime"
	"testing"
)

// TestIsOpen: a connection that the service closed, or on which something
// arrived unasked, must not carry a poll.
func TestIsOpen(t *testing.T) {
	for name, spoil := range map[string]func(net.Conn){
		"closed":   func(c net.Conn) { _ = c.Close() },
		"spoke up": func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 408 Request Timeout\r\n\r\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			ours, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			theirs, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			if !isOpen(ours) {
				t.Fatal("isOpen(idle) = false")
			}
			spoil(theirs)
			for isOpen(ours) { // the kernel delivers when it delivers
				runtime.Gosched()
			}
		})
	}
}
