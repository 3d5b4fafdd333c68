package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// timeFormat is CLF time, as in requestContext.time.
const timeFormat = "02/Jan/2006:15:04:05 -0700"

// httpEvent is payload format 2.0 ("Working with AWS Lambda proxy integrations
// for HTTP APIs", "Invoking Lambda function URLs"). Function URLs keep the path
// as it was sent and the cookie header beside the cookies; HTTP APIs decode the
// path and keep the cookies only.
type httpEvent struct {
	Version               string             `json:"version"`
	RouteKey              string             `json:"routeKey"`
	RawPath               string             `json:"rawPath"`
	RawQueryString        string             `json:"rawQueryString"`
	Cookies               []string           `json:"cookies,omitempty"`
	Headers               map[string]string  `json:"headers"`
	QueryStringParameters map[string]string  `json:"queryStringParameters,omitempty"`
	RequestContext        httpRequestContext `json:"requestContext"`
	Body                  *string            `json:"body,omitempty"`
	IsBase64Encoded       bool               `json:"isBase64Encoded"`
}

type httpRequestContext struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         httpRequest `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`
	TimeEpoch    int64       `json:"timeEpoch"`
}

type httpRequest struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

func (f *frontHandler) httpEvent(a *arrival) any {
	path, account := a.rawPath, "anonymous"
	header := f.header(a)
	cookies := splitCookies(header)
	if f.Kind == HTTPAPI {
		account = f.lambda.opts.AccountID
		if decoded, err := url.PathUnescape(path); err == nil {
			path = decoded
		}
		header.Del("Cookie")
	}
	event := httpEvent{
		Version:               "2.0",
		RouteKey:              "$default",
		RawPath:               path,
		RawQueryString:        a.rawQuery,
		Cookies:               cookies,
		Headers:               joinedHeaders(header),
		QueryStringParameters: joinedQuery(a.rawQuery),
		RequestContext: httpRequestContext{
			AccountID:    account,
			APIID:        f.domain.prefix,
			DomainName:   f.host(a),
			DomainPrefix: f.domain.prefix,
			HTTP: httpRequest{
				Method:    a.Method,
				Path:      path,
				Protocol:  a.Proto,
				SourceIP:  a.sourceIP,
				UserAgent: a.UserAgent(),
			},
			RequestID: a.id,
			RouteKey:  "$default",
			Stage:     f.Stage,
			Time:      a.at.UTC().Format(timeFormat),
			TimeEpoch: a.at.UnixMilli(),
		},
	}
	if len(a.body) > 0 {
		body := a.typedBody()
		event.Body, event.IsBase64Encoded = &body.text, body.base64
	}
	return event
}

func splitCookies(h http.Header) []string {
	var cookies []string
	for _, line := range h.Values("Cookie") {
		for part := range strings.SplitSeq(line, ";") {
			if part = strings.TrimSpace(part); part != "" {
				cookies = append(cookies, part)
			}
		}
	}
	return cookies
}

// joinedHeaders lower-cases names and joins duplicates with commas.
func joinedHeaders(h http.Header) map[string]string {
	headers := make(map[string]string, len(h))
	for name, values := range h {
		separator := ","
		if name == "Cookie" {
			separator = "; "
		}
		headers[strings.ToLower(name)] = strings.Join(values, separator)
	}
	return headers
}

// joinedQuery decodes the query and joins duplicates with commas. Parts that do
// not decode are kept as they are: a front must not lose what it cannot read.
func joinedQuery(raw string) map[string]string {
	params := make(map[string]string)
	for _, p := range splitQuery(raw) {
		name, value := unescape(p.name), unescape(p.value)
		if before, ok := params[name]; ok {
			value = before + "," + value
		}
		params[name] = value
	}
	if len(params) == 0 {
		return nil
	}
	return params
}

type queryParam struct{ name, value string }

// splitQuery splits at & only, in order, without decoding.
func splitQuery(raw string) []queryParam {
	var params []queryParam
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		params = append(params, queryParam{name, value})
	}
	return params
}

func unescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// lastValues and allValues are the two views of payload 1.0 and of load
// balancers: the last value counts, or all of them in order.
func lastValues(multi map[string][]string) map[string]string {
	single := make(map[string]string, len(multi))
	for name, values := range multi {
		single[name] = values[len(values)-1]
	}
	return single
}

func allValues(params []queryParam, decode func(string) string) map[string][]string {
	multi := make(map[string][]string)
	for _, p := range params {
		name := decode(p.name)
		multi[name] = append(multi[name], decode(p.value))
	}
	return multi
}

func lowerCased(h http.Header) map[string][]string {
	lower := make(map[string][]string, len(h))
	for name, values := range h {
		lower[strings.ToLower(name)] = slices.Clone(values)
	}
	return lower
}
