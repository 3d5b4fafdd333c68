package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// request is an HTTP request, whatever front it came through.
type request struct {
	method  string
	path    string
	query   url.Values
	header  map[string]string // lower-cased names, last value
	body    []byte
	version string // "2.0", "1.0" or "alb"
	multi   bool   // an ALB that sends and wants multi-value headers
}

type response struct {
	status int
	header map[string]string
	body   string
}

// envelope is the union of payload 2.0, payload 1.0 and the ALB event.
type envelope struct {
	Version               string              `json:"version"`
	RawPath               string              `json:"rawPath"`
	RawQueryString        string              `json:"rawQueryString"`
	Path                  string              `json:"path"`
	HTTPMethod            string              `json:"httpMethod"`
	Headers               map[string]string   `json:"headers"`
	MultiValueHeaders     map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters map[string]string   `json:"queryStringParameters"`
	MultiValueQuery       map[string][]string `json:"multiValueQueryStringParameters"`
	Body                  string              `json:"body"`
	IsBase64Encoded       bool                `json:"isBase64Encoded"`
	RequestContext        struct {
		ELB  json.RawMessage `json:"elb"`
		HTTP struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
}

// parseHTTP reports whether the event came from an HTTP front.
func parseHTTP(event []byte) (request, bool) {
	var e envelope
	if json.Unmarshal(event, &e) != nil {
		return request{}, false
	}
	r := request{method: e.HTTPMethod, path: e.Path, header: map[string]string{}, query: url.Values{}}
	switch {
	case e.RequestContext.HTTP.Method != "":
		r.version, r.method, r.path = "2.0", e.RequestContext.HTTP.Method, e.RawPath
	case e.RequestContext.ELB != nil:
		r.version, r.multi = "alb", e.MultiValueHeaders != nil
	case e.HTTPMethod != "":
		r.version = "1.0"
	default:
		return request{}, false
	}
	if decoded, err := url.PathUnescape(r.path); err == nil {
		r.path = decoded
	}
	r.query = e.query(r.version)
	for name, values := range e.MultiValueHeaders {
		if len(values) > 0 {
			r.header[strings.ToLower(name)] = values[len(values)-1]
		}
	}
	for name, value := range e.Headers {
		r.header[strings.ToLower(name)] = value
	}
	r.body = []byte(e.Body)
	if e.IsBase64Encoded {
		if decoded, err := base64.StdEncoding.DecodeString(e.Body); err == nil {
			r.body = decoded
		}
	}
	return r, true
}

// query collects the parameters; only load balancers send them encoded.
func (e envelope) query(version string) url.Values {
	if version == "2.0" {
		if values, err := url.ParseQuery(e.RawQueryString); err == nil {
			return values
		}
	}
	decode := func(s string) string {
		if version == "alb" {
			if decoded, err := url.QueryUnescape(s); err == nil {
				return decoded
			}
		}
		return s
	}
	values := url.Values{}
	for name, all := range e.MultiValueQuery {
		for _, value := range all {
			values.Add(decode(name), decode(value))
		}
	}
	if len(values) == 0 {
		for name, value := range e.QueryStringParameters {
			values.Set(decode(name), decode(value))
		}
	}
	return values
}

// encode answers in the shape of the front the request came through.
func (r request) encode(resp response) ([]byte, error) {
	reply := map[string]any{"statusCode": resp.status, "body": resp.body, "isBase64Encoded": false}
	if r.version == "alb" {
		reply["statusDescription"] = http.StatusText(resp.status)
	}
	if r.multi {
		headers := map[string][]string{}
		for name, value := range resp.header {
			headers[name] = []string{value}
		}
		reply["multiValueHeaders"] = headers
	} else {
		reply["headers"] = resp.header
	}
	return json.Marshal(reply)
}

func jsonResponse(status int, document any) response {
	body, err := json.Marshal(document)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"internal"}`)
	}
	return response{status, map[string]string{"Content-Type": "application/json"}, string(body)}
}

func errorResponse(status int, message string) response {
	return jsonResponse(status, map[string]string{"error": message})
}
