package hello_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/hello"
)

func TestRoundTrip(t *testing.T) {
	long := strings.Repeat("é", 4000)
	for _, h := range []hello.Hello{
		{},
		{Via: "wrapper", Program: "/p", ExecutionEnv: "e", Handler: "h", LogStream: "l", RuntimeAPI: "r", MaxConcurrency: 3},
		{Handler: "a\nvia=\"forged\"\r\n\x00\x1b[0m\"=\\"},
	} {
		if got, err := hello.Decode(h.Encode()); err != nil || got != h {
			t.Errorf("Decode(Encode(%+v)) = %+v, %v", h, got, err)
		}
	}
	// The costliest values: quoting makes four bytes of each.
	worst := strings.Repeat("\x01", 4000)
	for _, v := range []string{long, worst, strings.Repeat("\xff", 4000), strings.Repeat("\U000e0001", 1000)} {
		body := hello.Hello{Via: v, Program: v, ExecutionEnv: v, Handler: v, LogStream: v, RuntimeAPI: v}.Encode()
		got, err := hello.Decode(body)
		if err != nil || len(got.Handler) == 0 || len(got.Handler) > 512 {
			t.Errorf("Decode of values of %d bytes: %d bytes, %v, want them cut to 512", len(v), len(got.Handler), err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"no equals sign":       "via",
		"unquoted":             "via=wrapper\n",
		"raw string":           "via=`a`\n",
		"open quote":           "via=\"a\n",
		"long value":           "via=\"" + strings.Repeat("a", 513) + "\"\n",
		"large body":           strings.Repeat("a=\"\"\n", 10000),
		"negative concurrency": "maxConcurrency=\"-1\"\n",
		"concurrency in words": "maxConcurrency=\"two\"\n",
	} {
		if h, err := hello.Decode([]byte(body)); err == nil {
			t.Errorf("Decode(%s) = %+v, want an error", name, h)
		}
	}
	if h, err := hello.Decode([]byte("future=\"x\"\nvia=\"lambdago\"\n")); err != nil || h.Via != "lambdago" {
		t.Errorf("Decode(with an unknown name) = %+v, %v, want the name passed over", h, err)
	}
}

func TestKey(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:9117")
	base := hello.DeriveKey(environ, addr)
	if !base.Secret() {
		t.Error("Secret() = false for a key of credentials")
	}
	if hello.DeriveKey([]string{"AWS_LAMBDA_FUNCTION_NAME=orders"}, addr).Secret() {
		t.Error("Secret() = true for a key of public facts")
	}
	others := map[string]hello.Key{
		"another address":    hello.DeriveKey(environ, netip.MustParseAddrPort("127.0.0.1:9118")),
		"another secret":     hello.DeriveKey(append([]string{"AWS_SECRET_ACCESS_KEY=x"}, environ...), addr),
		"another version":    hello.DeriveKey(append([]string{"AWS_LAMBDA_FUNCTION_VERSION=8"}, environ...), addr),
		"the secret moved":   hello.DeriveKey([]string{"AWS_SECRET_ACCESS_KEY=wJalrFwoG", "AWS_LAMBDA_FUNCTION_NAME=orders", "AWS_LAMBDA_FUNCTION_VERSION=7"}, addr),
		"token of a restore": hello.DeriveKey([]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN=wJalr", "AWS_LAMBDA_FUNCTION_NAME=orders", "AWS_LAMBDA_FUNCTION_VERSION=7"}, addr),
	}
	for name, k := range others {
		if k.Answer("n") == base.Answer("n") {
			t.Errorf("%s: the same answer, want another", name)
		}
	}
	if base.Answer("n") == base.Claim("n", nil) {
		t.Error("a claim serves as an answer")
	}
	if shuffled := hello.DeriveKey([]string{environ[3], environ[2], environ[1], environ[0], "PATH=/"}, addr); shuffled.Answer("n") != base.Answer("n") {
		t.Error("the key depends on the order of the environment")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		if got := fmt.Sprintf(verb, base); got != "[hello key]" {
			t.Errorf("Sprintf(%s, key) = %s", verb, got)
		}
	}
}

// The wrapper links this package.
func TestImportGraphIsLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 10 {
		t.Fatalf("go list -deps lists %d packages, want the whole graph", len(deps))
	}
	for _, dep := range deps {
		switch dep {
		case "net", "net/http", "encoding/json", "crypto/tls":
			t.Errorf("internal/hello imports %s", dep)
		}
	}
}

// Decode reads what any process in the sandbox may send.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("via=\"wrapper\"\nmaxConcurrency=\"3\"\n"))
	f.Add(hello.Hello{Handler: "\x00\n\"", MaxConcurrency: 1}.Encode())
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := hello.Decode(body)
		if err != nil {
			return
		}
		// Invalid UTF-8 is replaced when sent, so the second pass is the fixed one.
		again, err := hello.Decode(h.Encode())
		if err != nil {
			t.Fatalf("Decode(Encode(%+v)) = %v", h, err)
		}
		if third, err := hello.Decode(again.Encode()); err != nil || third != again {
			t.Fatalf("Encode and Decode do not settle: %+v, %+v, %v", again, third, err)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	key := hello.DeriveKey(environ, netip.MustParseAddrPort("127.0.0.1:9117"))
	for b.Loop() {
		key.Answer("00000000000000000000000000000000")
	}
}
