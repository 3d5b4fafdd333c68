package emulator

import (
	"encoding/base64"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"
)

// eventBody is the body as an event carries it, and isBase64Encoded.
type eventBody struct {
	text   string
	base64 bool
}

// typedBody encodes as HTTP APIs, function URLs and load balancers do: text,
// JSON, XML and JavaScript stay as they are; everything else, form posts
// among it, and everything with a Content-Encoding becomes base64 ("Lambda
// functions as targets", Elastic Load Balancing).
func (a *arrival) typedBody() eventBody {
	if len(a.body) == 0 {
		return eventBody{}
	}
	textual := isText(a.Header.Get("Content-Type")) && a.Header.Get("Content-Encoding") == ""
	// Bytes that are no UTF-8 have no form in a JSON string.
	if textual && utf8.Valid(a.body) {
		return eventBody{text: string(a.body)}
	}
	return eventBody{text: base64.StdEncoding.EncodeToString(a.body), base64: true}
}

// plainBody encodes as a REST API without binaryMediaTypes does: text, whatever
// the type says. What is no text at all becomes base64 here; the service would
// mangle it.
func (a *arrival) plainBody() eventBody {
	if utf8.Valid(a.body) {
		return eventBody{text: string(a.body)}
	}
	return eventBody{text: base64.StdEncoding.EncodeToString(a.body), base64: true}
}

func isText(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, _, _ = strings.Cut(strings.ToLower(contentType), ";")
		mediaType = strings.TrimSpace(mediaType)
	}
	switch mediaType {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(mediaType, "text/") ||
		strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml")
}

func itoa(n int) string { return strconv.Itoa(n) }
