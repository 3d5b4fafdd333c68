package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
)

// refuseHTTP answers in the proxy integration format of the front end (API
// Gateway, "Lambda proxy integrations"; Elastic Load Balancing, "Lambda
// functions as targets"; AWS Lambda, "Function URLs"; Amazon VPC Lattice,
// "Lambda functions as targets").
func refuseHTTP(ev *event.Event, id string, s Settings) Reply {
	body := s.Body
	headers := []event.Header{{Name: "cache-control", Value: "no-store"}}
	if !s.Custom {
		body = string(marshal(struct {
			Message   string `json:"message"`
			RequestID string `json:"requestId"`
			ID        string `json:"id"`
		}{statusText(s.Status), requestID(ev, id), id}))
		headers = append(headers, event.Header{Name: "content-type", Value: "application/json"})
	}
	headers = append(headers, s.Headers...)
	if s.Stream && LearnsStream(ev) {
		return stream(s.Status, headers, body)
	}
	out := map[string]any{"statusCode": s.Status, "body": body, "isBase64Encoded": false}
	if ev.HTTP.MultiValue && (ev.Source == event.ALB || ev.Source == event.RESTAPI) {
		out["multiValueHeaders"] = multi(headers)
	} else {
		out["headers"] = single(headers)
	}
	if balancer(ev.Source) {
		out["statusDescription"] = fmt.Sprintf("%d %s", s.Status, statusText(s.Status))
	}
	r := reply(out)
	r.Status = s.Status
	return r
}

// statusText names a status; an ALB refuses a description without a name.
func statusText(status int) string {
	if t := http.StatusText(status); t != "" {
		return t
	}
	return "Refused"
}

// requestID is the front end's id for the request if it is fit to be repeated,
// else the verdict's: an event may hold anything there.
func requestID(ev *event.Event, id string) string {
	rid := ev.HTTP.RequestID
	if rid == "" || len(rid) > 128 {
		return id
	}
	for _, c := range []byte(rid) {
		if c != '-' && c != '=' && c != '_' && c != ';' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') {
			return id
		}
	}
	return rid
}

// stream answers a caller that expects a response stream: a prelude, eight NUL
// bytes, the body (AWS Lambda, "Response streaming for custom runtimes").
func stream(status int, headers []event.Header, body string) Reply {
	var b bytes.Buffer
	b.Write(marshal(map[string]any{"statusCode": status, "headers": single(headers)}))
	b.Write(make([]byte, 8))
	b.WriteString(body)
	return Reply{
		ContentType: streamed,
		Streaming:   true, Body: b.Bytes(), Status: status,
	}
}

// LearnsStream reports whether an event comes from a front end that can expect
// its answers as a stream.
func LearnsStream(ev *event.Event) bool {
	return ev.Source.IsHTTP() && !balancer(ev.Source)
}

// balancer reports whether a front end takes whole answers only, with the text
// of their status.
func balancer(s event.Source) bool { return s == event.ALB || s == event.Lattice }

// Streams reports whether a function answers its HTTP front with a stream, by
// the header of its reply. aws-lambda-go sets the type and not the mode.
func Streams(header http.Header) bool {
	return header.Get("Lambda-Runtime-Function-Response-Mode") == "streaming" || header.Get("Content-Type") == streamed
}

// streamed is the type of a reply that starts with a prelude.
const streamed = "application/vnd.awslambda.http-integration-response"

func single(hs []event.Header) map[string]string {
	m := map[string]string{}
	for _, h := range hs {
		m[strings.ToLower(h.Name)] = h.Value
	}
	return m
}

func multi(hs []event.Header) map[string][]string {
	m := map[string][]string{}
	for _, h := range hs {
		k := strings.ToLower(h.Name)
		m[k] = append(m[k], h.Value)
	}
	return m
}

func reply(v any) Reply {
	return Reply{ContentType: "application/json", Body: marshal(v)}
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bug: strings and numbers always marshal: " + err.Error())
	}
	return b
}
