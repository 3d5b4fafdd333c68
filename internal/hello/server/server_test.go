package server_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/internal/hello/server"
)

func TestA3ServerRefusesWithoutProof(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:9117")
	key := hello.DeriveKey([]string{"AWS_SECRET_ACCESS_KEY=wJalr"}, addr)
	h := server.Handler(key, func(hello.Hello) { t.Error("onHello was called") })
	nonce, body := strings.Repeat("0", 32), string(hello.Hello{Via: "wrapper"}.Encode())
	tests := []struct {
		name, method, header, body string
		status                     int
	}{
		{"GET", "GET", "", "", 405},
		{"no header", "POST", "", body, 403},
		{"another version", "POST", "merlon-hello/9 " + nonce + " " + key.Claim(nonce, []byte(body)), body, 403},
		{"short nonce", "POST", hello.Version + " 0 " + key.Claim("0", []byte(body)), body, 403},
		{"wrong claim", "POST", hello.Version + " " + nonce + " " + strings.Repeat("0", 64), body, 403},
		{"the answer as claim", "POST", hello.Version + " " + nonce + " " + key.Answer(nonce), body, 403},
		{"changed body", "POST", hello.Version + " " + nonce + " " + key.Claim(nonce, []byte(body)), body + "a=\"b\"\n", 403},
		{"claimed but malformed", "POST", hello.Version + " " + nonce + " " + key.Claim(nonce, []byte("x")), "x", 403},
		{"too large", "POST", hello.Version + " " + nonce + " " + key.Claim(nonce, make([]byte, 1<<20)), string(make([]byte, 1<<20)), 403},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, hello.Path, strings.NewReader(tt.body))
		r.Header.Set(hello.HeaderName, tt.header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || strings.Contains(w.Body.String(), key.Answer(nonce)) {
			t.Errorf("%s: %d %q, want %d and no proof", tt.name, w.Code, w.Body, tt.status)
		}
	}
}
