package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// FrontKind is what stands between an HTTP client and the function.
type FrontKind int

const (
	FunctionURL FrontKind = iota // payload 2.0
	HTTPAPI                      // API Gateway HTTP API, payload 2.0
	RESTAPI                      // API Gateway REST API, payload 1.0, proxy integration
	ALB                          // Application Load Balancer, lambda target
)

// String names the kind as configuration does.
func (k FrontKind) String() string {
	switch k {
	case FunctionURL:
		return "function-url"
	case HTTPAPI:
		return "http-api"
	case RESTAPI:
		return "rest-api"
	case ALB:
		return "alb"
	}
	return "unknown"
}

// Front is one way to reach the function over HTTP.
type Front struct {
	Kind FrontKind
	// Stream is a function URL's invoke mode RESPONSE_STREAM instead of BUFFERED.
	Stream bool
	// MultiValue is the ALB target group's attribute lambda.multi_value_headers.enabled.
	MultiValue bool
	// Stage of an HTTP or REST API; default "$default" and "prod".
	Stage string
	// Open serves under every name, as a front with a domain of its owner's
	// does: whatever Host the client sends reaches the function. Without it the
	// front has a name of its own and answers only this machine.
	Open bool
}

// URLHandler serves the function as the front would: HTTP in, event, invoke,
// the function's reply decoded, HTTP out. Requests from web pages of other
// sites are refused, unless the front is open.
func (l *Lambda) URLHandler(front Front) http.Handler {
	if front.Open {
		return l.front(front)
	}
	return l.refuseForeign(l.front(front))
}

func (l *Lambda) front(front Front) *frontHandler {
	f := &frontHandler{lambda: l, Front: front, domain: domainOf(front.Kind, l.opts.Region)}
	switch front.Kind {
	case HTTPAPI, FunctionURL:
		setDefault(&f.Stage, "$default")
	case RESTAPI:
		setDefault(&f.Stage, "prod")
	}
	return f
}

type frontHandler struct {
	Front
	lambda *Lambda
	domain domain
}

// Event is the event that a function behind the front would get of a request,
// without a function: for those who need events in the true shape of the front.
// Host, trace, id and time are the same every time.
func (f Front) Event(r *http.Request) ([]byte, error) {
	a, err := arrive(r)
	if err != nil {
		return nil, err
	}
	a.id, a.trace, a.at = "c6af9ac6-7b61-4d83-9a41-93e8deadbeef", "Root=1-69e1f0c8-7db6c86a1f95805f1e3c5ae0", time.UnixMilli(1776414600123)
	opts := Options{Function: Function{Name: "function"}, Region: "eu-central-1", AccountID: "123456789012"}
	h := (&Lambda{opts: opts}).front(f)
	name := strings.Replace(h.domain.name, h.domain.prefix, "q7rk2mhx4bn5wz3d", 1)
	if f.Kind == ALB {
		name = "shop.example"
	}
	h.domain = domain{name, "q7rk2mhx4bn5wz3d"}
	return encodeJSON(h.event(a)), nil
}

// domain is the name the front is reached under, with its first label.
type domain struct{ name, prefix string }

func domainOf(kind FrontKind, region string) domain {
	switch kind {
	case FunctionURL:
		id := randomHex(16)
		return domain{id + ".lambda-url." + region + ".on.aws", id}
	case ALB:
		return domain{"alb." + region + ".elb.amazonaws.com", "alb"}
	default:
		id := randomHex(5)
		return domain{id + ".execute-api." + region + ".amazonaws.com", id}
	}
}

// arrival is a request as the front received it, before it becomes an event.
type arrival struct {
	*http.Request
	rawPath  string // percent-encoded, as sent
	rawQuery string
	body     []byte
	sourceIP string
	id       string
	trace    string
	at       time.Time
}

func (f *frontHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := arrive(r)
	if err != nil {
		f.writeTooLarge(w)
		return
	}
	req := Request{Payload: encodeJSON(f.event(a)), RequestID: newUUID(), TraceID: a.trace}
	if f.Kind == FunctionURL && f.Stream {
		f.stream(w, r, req)
		return
	}
	result, err := f.lambda.Invoke(r.Context(), req)
	if !f.writeFailure(w, result, err) {
		f.reply(w, result)
	}
}

// writeFailure answers for an invocation that failed, and reports whether it did.
func (f *frontHandler) writeFailure(w http.ResponseWriter, result Result, err error) bool {
	switch {
	case errors.Is(err, ErrRequestTooLarge):
		f.writeTooLarge(w)
	case err != nil:
		f.writeUnavailable(w)
	case result.FunctionError != "":
		f.writeBadGateway(w)
	default:
		return false
	}
	return true
}

// encodeJSON writes &, < and > as they are: the gateways do not escape them, and
// what inspects events should see the bytes it will see in service.
func encodeJSON(event any) []byte {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		panic("bug: event does not marshal: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func arrive(r *http.Request) (*arrival, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxPayload {
		return nil, ErrRequestTooLarge
	}
	a := &arrival{Request: r, rawQuery: r.URL.RawQuery, body: body, id: newUUID(), at: time.Now()}
	a.rawPath, _, _ = strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(a.rawPath, "/") { // absolute form, or a request made by hand
		a.rawPath = r.URL.EscapedPath()
	}
	setDefault(&a.rawPath, "/")
	a.sourceIP = r.RemoteAddr
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		a.sourceIP = host
	}
	setDefault(&a.sourceIP, "127.0.0.1")
	a.trace = r.Header.Get("X-Amzn-Trace-Id")
	setDefault(&a.trace, newTraceID())
	return a, nil
}

func (f *frontHandler) event(a *arrival) any {
	switch f.Kind {
	case RESTAPI:
		return f.restEvent(a)
	case ALB:
		return f.albEvent(a)
	default:
		return f.httpEvent(a)
	}
}

// header is the request's header as the function sees it: the client's, the
// host the front is known by, and what the front adds. net/http has taken Host
// out and joined nothing.
func (f *frontHandler) header(a *arrival) http.Header {
	h := a.Header.Clone()
	dropHopByHop(h)
	if connection := a.Header["Connection"]; connection != nil && f.Kind == ALB {
		h["Connection"] = slices.Clone(connection) // alone passes it on (aws-lambda-go, events/testdata)
	}
	if host := f.host(a); host != "" { // HTTP/1.0 has none
		h.Set("Host", host)
	}
	root, _, _ := strings.Cut(a.trace, ";")
	h.Set("X-Amzn-Trace-Id", root)
	forwarded := append(h.Values("X-Forwarded-For"), a.sourceIP)
	h.Set("X-Forwarded-For", strings.Join(forwarded, ", "))
	h.Set("X-Forwarded-Port", "443")
	h.Set("X-Forwarded-Proto", "https")
	if len(a.body) > 0 {
		h.Set("Content-Length", itoa(len(a.body)))
	}
	return h
}

// host is the name the client reached the front under.
func (f *frontHandler) host(a *arrival) string {
	if f.Open {
		return a.Host
	}
	return f.domain.name
}

// dropHopByHop removes what belongs to one connection (RFC 9110, section
// 7.6.1).
func dropHopByHop(h http.Header) {
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}
