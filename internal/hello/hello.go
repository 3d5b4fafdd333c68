package hello

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Path is where the proxy answers the hello; HeaderName carries the protocol
// version, the nonce and the wrapper's proof.
const (
	Path       = "/merlon/hello"
	HeaderName = "Merlon-Hello"
)

// Bounds on what is read from the other side.
const (
	MaxBody  = 16 << 10 // the whole body
	maxValue = 512      // one value; longer ones are cut when sent, refused when read
)

// Hello is what the wrapper tells the extension. Lambda gives these facts to
// the runtime only. They are claims of a process in the function, good for
// diagnosis and for choosing rule packs, not for trust.
type Hello struct {
	Via            string // wrapper, bootstrap or lambdago
	Program        string // the program about to be started
	ExecutionEnv   string // AWS_EXECUTION_ENV, as AWS_Lambda_nodejs22.x; empty on provided.*
	Handler        string // _HANDLER
	LogStream      string // AWS_LAMBDA_LOG_STREAM_NAME
	RuntimeAPI     string // the address the runtime would otherwise poll; another proxy's, if one is chained
	MaxConcurrency int    // AWS_LAMBDA_MAX_CONCURRENCY; 0 unless on Managed Instances; the initialization type decides how we run
}

// FromEnvironment collects the facts from the wrapper's own environment.
func FromEnvironment(environ []string, via, program string) Hello {
	n, err := strconv.Atoi(lookup(environ, "AWS_LAMBDA_MAX_CONCURRENCY"))
	if err != nil || n < 0 {
		n = 0 // absent, or not the platform's
	}
	return Hello{
		Via:            via,
		Program:        program,
		ExecutionEnv:   lookup(environ, "AWS_EXECUTION_ENV"),
		Handler:        lookup(environ, "_HANDLER"),
		LogStream:      lookup(environ, "AWS_LAMBDA_LOG_STREAM_NAME"),
		RuntimeAPI:     lookup(environ, "AWS_LAMBDA_RUNTIME_API"),
		MaxConcurrency: n,
	}
}

// Encode writes one name="value" line per fact, values quoted as Go strings, so
// that no value can end its line.
func (h Hello) Encode() []byte {
	var b strings.Builder
	for _, f := range h.fields() {
		b.WriteString(f.name + "=" + strconv.Quote(cut(*f.at)) + "\n")
	}
	b.WriteString("maxConcurrency=" + strconv.Quote(strconv.Itoa(h.MaxConcurrency)) + "\n")
	return []byte(b.String())
}

// Decode reads what Encode writes. Names it does not know are passed over: a
// function may carry a newer lambdago than its layer.
func Decode(body []byte) (Hello, error) {
	var h Hello
	if len(body) > MaxBody {
		return h, fmt.Errorf("decode hello: %d bytes, want at most %d", len(body), MaxBody)
	}
	fields := h.fields()
	for line := range strings.Lines(string(body)) {
		name, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			return Hello{}, errors.New("decode hello: want name=\"value\" lines")
		}
		value, err := strconv.Unquote(quoted)
		if err != nil || len(quoted) == 0 || quoted[0] != '"' || len(value) > maxValue {
			return Hello{}, fmt.Errorf("decode hello: %q: want a quoted value of at most %d bytes", cut(name), maxValue)
		}
		if name == "maxConcurrency" {
			if h.MaxConcurrency, err = strconv.Atoi(value); err != nil || h.MaxConcurrency < 0 {
				return Hello{}, errors.New("decode hello: maxConcurrency: want a whole number")
			}
		}
		for _, f := range fields {
			if f.name == name {
				*f.at = value
			}
		}
	}
	return h, nil
}

type field struct {
	name string
	at   *string
}

func (h *Hello) fields() []field {
	return []field{
		{"via", &h.Via}, {"program", &h.Program}, {"executionEnv", &h.ExecutionEnv},
		{"handler", &h.Handler}, {"logStream", &h.LogStream}, {"runtimeApi", &h.RuntimeAPI},
	}
}

// cut bounds a value, at a character boundary. Quoting makes it at most four
// times as long, so that all values together stay below MaxBody.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxValue {
		return s
	}
	s = s[:maxValue]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
