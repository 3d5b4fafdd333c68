package main_test

import (
	"net/http"
	"os/exec"
	"testing"

	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/internal/hello/server"
)

// The difference of the two is what the wrapper adds to a cold start, the
// hello included.
func BenchmarkStart(b *testing.B) {
	ln := open(b)
	mux := http.NewServeMux()
	mux.Handle(hello.Path, server.Handler(hello.DeriveKey(lambda(""), addrOf(ln)), func(hello.Hello) {}))
	serve(b, ln, mux)
	environ := lambda(ln.Addr().String())
	for name, argv := range map[string][]string{"direct": {"/bin/true"}, "wrapped": {wrapper, "/bin/true"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Env = environ
				if text, err := cmd.CombinedOutput(); err != nil || len(text) > 0 {
					b.Fatalf("%v: %s", err, text)
				}
			}
		})
	}
}
