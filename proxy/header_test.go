package proxy

import (
	"bufio"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// FuzzCopyHeaders: whatever a header block says, the copy holds every value of
// every end-to-end name in order, adds nothing, and describes no connection.
func FuzzCopyHeaders(f *testing.F) {
	for _, block := range []string{
		"Content-Type: application/json\r\n",
		"X-Many: one\r\nX-Many:\r\nx-many: three, four\r\n",
		"Lambda-Runtime-Cognito-Identity:\r\n",
		"Connection: close, X-Named\r\nX-Named: 1\r\nKeep-Alive: 5\r\n",
		"Content-Length: 1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
		"TE: trailers\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\nUpgrade: h2c\r\n",
		"proxy-connection: x\r\nPROXY-CONNECTION: y\r\n",
		"bad name: kept as it is\r\n",
		"X-\xff: \xfe\r\n",
	} {
		f.Add(block)
	}
	f.Fuzz(func(t *testing.T, block string) {
		parsed, err := textproto.NewReader(bufio.NewReader(strings.NewReader(block + "\r\n"))).ReadMIMEHeader()
		if err != nil {
			return // net/http would have refused the message
		}
		src := http.Header(parsed)
		before := src.Clone()
		dst := http.Header{"X-Own": {"kept"}}
		copyHeaders(dst, src)
		if !maps.EqualFunc(src, before, slices.Equal) {
			t.Fatalf("copyHeaders changed its source: %q, was %q", src, before)
		}
		for name, values := range src {
			want := values
			switch name {
			case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length":
				want = nil
			case "X-Own":
				want = append([]string{"kept"}, values...)
			}
			if !slices.Equal(dst[name], want) {
				t.Errorf("copy has %q: %q, want %q", name, dst[name], want)
			}
		}
		for name := range dst {
			if _, sent := src[name]; !sent && name != "X-Own" {
				t.Errorf("copy has %q, which was not sent", name)
			}
		}
	})
}
