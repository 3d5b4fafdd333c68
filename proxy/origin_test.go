package proxy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

func TestForeignRequestsAreRefused(t *testing.T) {
	const refusal = `{"errorMessage":"this address serves the function's runtime only","errorType":"Relay.ForeignRequest"}`
	for name, header := range map[string][]string{
		"a name that resolves to us": {"Host", "attacker.example:%s"},
		"the right name, no port":    {"Host", "attacker.example"},
		"another port":               {"Host", "127.0.0.1:1"},
		"an address of the network":  {"Host", "10.0.0.1:%s"},
		"localhost as a subdomain":   {"Host", "localhost.attacker.example:%s"},
		"an origin":                  {"Origin", "https://attacker.example"},
		"a hidden origin":            {"Origin", "null"},
		"an empty origin":            {"Origin", ""},
		"a browser without origin":   {"Sec-Fetch-Site", "cross-site"},
		"a forwarded request":        {"X-Forwarded-For", "10.0.0.1"},
		"any forwarded header":       {"X-Forwarded-Anything", ""},
	} {
		for _, target := range []string{runtimeAPI + "invocation/next", "/merlon/hello", "/x"} {
			t.Run(name+" "+target, func(t *testing.T) {
				t.Parallel()
				script{
					func(st *stage) {
						value := header[1]
						if header[0] == "Host" && value[len(value)-1] == 's' {
							value = fmt.Sprintf(value, port(st.relay.Addr()))
						}
						sends("a", "GET", target, "", header[0], value)(st)
					},
					reports(proxy.ForeignRequest, ""), gets("a", http.StatusForbidden, refusal),
				}.play(t, proxy.Options{})
			})
		}
	}
}

func TestLoopbackFormsOfHostPass(t *testing.T) {
	for _, host := range []string{"127.0.0.1:%s", "localhost:%s", "LocalHost:%s", "[::1]:%s", "127.0.0.1", "localhost"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			script{
				func(st *stage) {
					value := host
					if value[len(value)-1] == 's' {
						value = fmt.Sprintf(host, port(st.relay.Addr()))
					}
					sends("a", "GET", "/x", "", "Host", value, "Sec-Fetch-Mode", "cors")(st)
				},
				arrives("GET", "/x"), says(200, "ok"), gets("a", 200, "ok"),
			}.play(t, proxy.Options{})
		})
	}
}

func TestControlNeverGoesUpstream(t *testing.T) {
	control := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
	})
	script{
		sends("a", "POST", "/merlon/hello", "x"), gets("a", 200, "POST /merlon/hello"),
		sends("a", "GET", "/merlon/", ""), gets("a", 200, "GET /merlon/"),
		sends("a", "GET", "/merlon/../2018-06-01/runtime/invocation/next", ""),
		gets("a", 200, "GET /merlon/../2018-06-01/runtime/invocation/next"),
		sends("a", "GET", "/merlon", ""), arrives("GET", "/merlon"), says(404, ""), gets("a", 404, ""),
	}.play(t, proxy.Options{Control: control})
	script{sends("a", "GET", "/merlon/hello", ""), gets("a", 404, "404 page not found\n")}.play(t, proxy.Options{})
}

// TestFaultOfOurOwnIsNoReply: a handler that panics breaks the connection; an
// empty 200 would be taken for an answer.
func TestFaultOfOurOwnIsNoReply(t *testing.T) {
	control := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("control broke") })
	script{
		sends("a", "POST", "/merlon/hello", "x"), reports(proxy.RelayFault, ""), getsCutOff("a"),
	}.play(t, proxy.Options{Control: control})
}

func TestListenRefuses(t *testing.T) {
	upstream := httptest.NewServer(http.NotFoundHandler())
	defer upstream.Close()
	for _, addr := range []string{
		"", ":0", "0.0.0.0:0", "[::]:0", "169.254.100.1:9001", "10.0.0.1:0", "example.com:0", "127.0.0.1",
		"127.0.0.1:notaport", upstream.Listener.Addr().String(),
	} {
		rl, err := proxy.New(proxy.Options{Upstream: upstream.Listener.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		if err := rl.Listen(addr); err == nil {
			t.Errorf("Listen(%q) = nil, want an error", addr)
		}
		if err := rl.Serve(); err == nil {
			t.Errorf("Serve after Listen(%q) = nil, want an error", addr)
		}
	}
}

func TestNewRefusesUpstream(t *testing.T) {
	for _, addr := range []string{"", "127.0.0.1", ":9001", "127.0.0.1:", "http://127.0.0.1:9001"} {
		if _, err := proxy.New(proxy.Options{Upstream: addr}); err == nil {
			t.Errorf("New(%q) = nil, want an error", addr)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]proxy.Kind{}
	for k := proxy.DoublePoll; k <= proxy.RelayFault; k++ {
		name := k.String()
		if other, taken := seen[name]; taken || name == fmt.Sprintf("Kind(%d)", k) {
			t.Errorf("kind %d is called %q, as is %d", k, name, other)
		}
		seen[name] = k
	}
}
