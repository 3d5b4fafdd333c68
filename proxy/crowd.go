package proxy

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// A crowd is the connections from below, no more of them than leave descriptors
// for the connections to the service: code in the function that opens one after
// another must not keep the runtime's reply from being passed on. When it is
// full, a newcomer takes the place of a connection on which no request is being
// served, first one that never brought a whole request, then the one that has
// been idle for longest. While all are being served newcomers are turned away.
type crowd struct {
	net.Listener
	most int
	shed func() // told of every connection that was closed for want of room

	mu     sync.Mutex
	clock  uint64
	guests map[*guest]struct{}
}

// A guest is one connection.
type guest struct {
	net.Conn
	crowd *crowd
	// Guarded by crowd.mu.
	came   uint64
	served uint64 // when its last request ended; 0 if none has
	busy   bool
}

func newCrowd(l net.Listener, shed func()) *crowd {
	return &crowd{Listener: l, most: roomBelow(), shed: shed, guests: make(map[*guest]struct{})}
}

const (
	// connectionsEach is how many descriptors a connection from below may need:
	// its own, one for a poll and one for a reply to the service.
	connectionsEach = 3
	leastRoom       = 8
)

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g, out := c.admit(conn)
		if out != nil {
			c.shed()
			_ = out.Close()
		}
		if g != nil {
			return g, nil
		}
	}
}

// admit returns the newcomer, unless there is no room, and who is to leave.
func (c *crowd) admit(conn net.Conn) (*guest, net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out *guest
	if len(c.guests) >= c.most {
		if out = c.idlest(); out == nil {
			return nil, conn
		}
		delete(c.guests, out)
	}
	c.clock++
	g := &guest{Conn: conn, crowd: c, came: c.clock}
	c.guests[g] = struct{}{}
	if out == nil {
		return g, nil
	}
	return g, out
}

// idlest is who can be spared most; nil if nobody can. The caller holds mu.
func (c *crowd) idlest() (out *guest) {
	for g := range c.guests {
		if !g.busy && (out == nil || g.served < out.served || g.served == out.served && g.came < out.came) {
			out = g
		}
	}
	return out
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.crowd.mu.Lock()
	delete(g.crowd.guests, g)
	g.crowd.mu.Unlock()
	return g.Conn.Close()
}

func (g *guest) setBusy(busy bool) {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	if g.busy = busy; !busy {
		g.crowd.clock++
		g.served = g.crowd.clock
	}
}

type guestKey struct{}

func withGuest(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// occupy keeps the request's connection until the returned function is called.
func occupy(r *http.Request) (leave func()) {
	g, ok := r.Context().Value(guestKey{}).(*guest)
	if !ok {
		return func() {}
	}
	g.setBusy(true)
	return func() { g.setBusy(false) }
}
