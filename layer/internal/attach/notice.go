package attach

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/hello"
)

// remedy says what the operator can do about a failed hello.
func remedy(err error, listen netip.AddrPort) string {
	switch {
	case errors.Is(err, hello.ErrNobody):
		return "Merlon's extension is not running: attach the layer to the function, or in an image copy it to /opt; if it is there, its own log lines say why it stopped"
	case errors.Is(err, hello.ErrStranger):
		return "another program has " + listen.String() + ", or the extension is of another release: set MERLON_LISTEN to a free loopback port, or deploy layer and wrapper of one release"
	case errors.Is(err, hello.ErrSlow):
		return "the extension did not answer in time: more memory gives it more CPU; its own log lines say if it is stuck"
	}
	return "report this as a bug of Merlon, with the reason"
}

// unprotected is the one loud line of a function that runs without us. It is at
// the same time a CloudWatch metric, because where the extension is missing
// nobody else can emit it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func unprotected(now time.Time, environ []string, reason, remedy string, faults config.Faults) string {
	o := Notice(now, "ERROR", "the function runs without protection", reason, remedy)
	o.text("event", "unprotected")
	o.strings("faults", faults)
	o.raw("_aws", `{"Timestamp":`+strconv.FormatInt(now.UnixMilli(), 10)+
		`,"CloudWatchMetrics":[{"Namespace":"Merlon","Dimensions":[["function"]],"Metrics":[{"Name":"Unprotected","Unit":"Count"}]}]}`)
	o.text("function", functionName(environ))
	o.raw("Unprotected", "1")
	return o.String()
}

func refusal(now time.Time, environ []string, reason, remedy string, faults config.Faults) string {
	o := Notice(now, "ERROR", "the function does not start, because MERLON_ON_FAULT is closed", reason, remedy)
	o.strings("faults", faults)
	o.text("function", functionName(environ))
	return o.String()
}

// functionName is never empty: CloudWatch drops metrics with an empty dimension.
func functionName(environ []string) string {
	if name := get(environ, "AWS_LAMBDA_FUNCTION_NAME"); name != "" {
		return name
	}
	return "unknown"
}

// Notice begins a log line with the fields that Lambda's JSON log format reads
// (A12) and those that every line of the launcher has.
func Notice(now time.Time, level, message, reason, remedy string) *Object {
	o := &Object{}
	o.text("timestamp", now.UTC().Format("2006-01-02T15:04:05.000Z"))
	o.text("level", level)
	o.text("schema", "merlon.log/1")
	o.text("message", message)
	o.text("reason", reason)
	if remedy != "" {
		o.text("remedy", remedy)
	}
	return o
}

// Object is a JSON object being written. encoding/json is not used because the
// wrapper would carry it, and its reflection, through every cold start.
type Object struct{ b strings.Builder }

// String returns the object on one line.
func (o *Object) String() string { return o.b.String() + "}" }

func (o *Object) raw(name, value string) {
	if o.b.Len() == 0 {
		o.b.WriteByte('{')
	} else {
		o.b.WriteByte(',')
	}
	o.quote(name)
	o.b.WriteByte(':')
	if value != "" {
		o.b.WriteString(value)
	}
}

func (o *Object) text(name, value string) {
	o.raw(name, "")
	o.quote(value)
}

func (o *Object) strings(name string, faults config.Faults) {
	if len(faults) == 0 {
		return
	}
	o.raw(name, "[")
	for i, f := range faults {
		if i > 0 {
			o.b.WriteByte(',')
		}
		o.quote(f.Text)
	}
	o.b.WriteByte(']')
}

// quote writes a JSON string, RFC 8259 §7. Control characters, DEL and the two
// separators that some viewers break lines at are escaped; invalid UTF-8
// becomes U+FFFD.
func (o *Object) quote(s string) {
	const hex = "0123456789abcdef"
	o.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			o.b.WriteByte('\\')
			o.b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029:
			o.b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				o.b.WriteByte(hex[r>>shift&15])
			}
		case r == utf8.RuneError:
			o.b.WriteString("\uFFFD")
		default:
			o.b.WriteRune(r)
		}
	}
	o.b.WriteByte('"')
}
