package sample

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

const host = "q7rk2mhx4bn5wz3d.lambda-url.eu-west-1.on.aws"

// TinyGet is a health check with the headers that Lambda adds.
func TinyGet(seed uint64) *Event {
	s := newSource(seed)
	return s.functionURL(&Request{Method: "GET", Path: "/health", Headers: s.headers("curl/8.5.0", "*/*")})
}

// BrowserGet is a page view: what a browser sends, cookies and a query.
func BrowserGet(seed uint64) *Event {
	s := newSource(seed)
	agent := fmt.Sprintf(s.pick(browsers), 118+s.IntN(12))
	h := s.headers(agent, "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8")
	h = append(h,
		Header{"accept-language", s.pick([]string{"en-GB,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr,en-US;q=0.7,en;q=0.3"})},
		Header{"accept-encoding", "gzip, deflate, br, zstd"},
		Header{"cache-control", "max-age=0"},
		Header{"referer", "https://www.shop.example/c/" + strings.ToLower(s.pick(countries)) + "/" + strconv.Itoa(s.IntN(900))},
		Header{"sec-ch-ua-mobile", "?0"},
		Header{"sec-ch-ua-platform", s.pick([]string{`"Windows"`, `"macOS"`, `"Linux"`})},
		Header{"sec-fetch-dest", "document"},
		Header{"sec-fetch-mode", "navigate"},
		Header{"sec-fetch-site", "same-site"},
		Header{"upgrade-insecure-requests", "1"},
		Header{"cookie", fmt.Sprintf("sid=%s; _ga=GA1.2.%d.%d; theme=%s", s.hex(32), s.IntN(2_000_000_000), 1_700_000_000+s.IntN(90_000_000), s.pick([]string{"dark", "light"}))},
	)
	q := url.Values{
		"q": {s.pick(products)}, "page": {strconv.Itoa(1 + s.IntN(40))}, "sort": {s.pick([]string{"price", "name", "newest"})}, "utm_source": {s.pick(channels)},
	}
	return s.functionURL(&Request{Method: "GET", Path: "/search", Query: q.Encode(), Headers: h})
}

// PostJSON is a JSON body sent to an API.
func PostJSON(seed uint64, body []byte) *Event {
	s := newSource(^seed)
	return s.functionURL(s.post("/orders", "application/json", body))
}

// PostForm is a form of 20 fields in about 1 KB.
func PostForm(seed uint64) *Event {
	s := newSource(seed)
	first, last := s.pick(firstNames), s.pick(lastNames)
	fields := []Arg{
		{"csrf", s.hex(32)}, {"first_name", first}, {"last_name", last}, {"email", s.email(first, last)}, {"phone", s.phone()},
		{"street", s.pick(streets) + " " + strconv.Itoa(1+s.IntN(99))}, {"city", s.pick(cities)}, {"zip", fmt.Sprintf("%05d", s.IntN(100_000))},
		{"country", s.pick(countries)}, {"birthday", s.date()[:10]}, {"newsletter", s.pick([]string{"on", "off"})}, {"plan", s.pick(channels)},
		{"seats", strconv.Itoa(1 + s.IntN(50))}, {"currency", s.pick(currencies)}, {"coupon", strings.ToUpper(s.hex(8))}, {"ref", s.uuid()},
		{"terms", "1"}, {"company", last + " and Partners"}, {"subject", s.text(40)},
	}
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value) + "&")
	}
	b.WriteString("message=" + url.QueryEscape(s.text(max(60, 960-b.Len()))))
	return s.functionURL(s.post("/signup", "application/x-www-form-urlencoded", []byte(b.String())))
}

// PostMultipart is an upload: five fields and a photograph of about 16 KB.
func PostMultipart(seed uint64) *Event {
	s := newSource(seed)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	must(w.SetBoundary("----FormBoundary" + s.hex(16)))
	for _, f := range []Arg{{"title", s.text(24)}, {"album", s.pick(cities)}, {"taken", s.date()}, {"visibility", "friends"}, {"caption", s.text(120)}} {
		must(w.WriteField(f.Name, f.Value))
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="photo"; filename="IMG_%04d.jpg"`, s.IntN(10_000)))
	h.Set("Content-Type", "image/jpeg")
	part, err := w.CreatePart(h)
	must(err)
	must(jpeg.Encode(part, s.picture(), &jpeg.Options{Quality: 85}))
	must(w.Close())
	return s.functionURL(s.post("/photos", w.FormDataContentType(), b.Bytes()))
}

// picture is a gradient with noise, which compresses like a photograph.
func (s source) picture() image.Image {
	const width, height = 248, 192
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			n := s.IntN(40)
			img.Set(x, y, color.RGBA{R: uint8(x/2 + n), G: uint8(y/2 + n), B: uint8((x+y)/4 + n), A: 255})
		}
	}
	return img
}

func must(err error) {
	if err != nil {
		panic("bug: an event in memory cannot be written: " + err.Error())
	}
}

func (s source) post(path, contentType string, body []byte) *Request {
	h := s.headers(s.pick(agents), "application/json")
	h = append(h, Header{"content-type", contentType}, Header{"content-length", strconv.Itoa(len(body))})
	return &Request{Method: "POST", Path: path, Headers: h, Body: body}
}

// headers are what every request to a function URL arrives with.
func (s source) headers(agent, accept string) []Header {
	return []Header{
		{"host", host}, {"user-agent", agent}, {"accept", accept},
		{"x-amzn-trace-id", "Root=1-" + s.hex(8) + "-" + s.hex(24)},
		{"x-forwarded-for", s.address()}, {"x-forwarded-port", "443"}, {"x-forwarded-proto", "https"},
	}
}

// functionURL completes a request and puts it into a function URL event
// (AWS Lambda, "Invoking function URLs", payload format 2.0). Bodies that are
// neither JSON nor text arrive in base64.
func (s source) functionURL(r *Request) *Event {
	r.Protocol, r.RemoteAddr = "HTTP/1.1", r.Header("x-forwarded-for")
	headers := map[string]string{}
	for _, h := range r.Headers {
		if h.Name != "cookie" {
			headers[h.Name] = h.Value
		}
	}
	ev := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": r.Path, "rawQueryString": r.Query, "headers": headers,
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": host[:16], "domainName": host, "domainPrefix": host[:16], "requestId": s.uuid(),
			"routeKey": "$default", "stage": "$default", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_390 + s.IntN(1_000_000),
			"http": map[string]any{"method": r.Method, "path": r.Path, "protocol": r.Protocol, "sourceIp": r.RemoteAddr, "userAgent": r.Header("user-agent")},
		},
		"isBase64Encoded": false,
	}
	if c := r.Header("cookie"); c != "" {
		ev["cookies"] = strings.Split(c, "; ")
	}
	if query, err := url.ParseQuery(r.Query); err == nil && len(query) > 0 {
		flat := map[string]string{}
		for k, v := range query {
			flat[k] = strings.Join(v, ",")
		}
		ev["queryStringParameters"] = flat
	}
	if r.Body != nil {
		ev["body"] = string(r.Body)
		if r.Header("content-type") != "application/json" {
			ev["body"], ev["isBase64Encoded"] = base64.StdEncoding.EncodeToString(r.Body), true
		}
	}
	return &Event{Lambda: encode(ev), Request: r}
}
