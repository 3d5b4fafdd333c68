package config

import (
	"errors"
	"net/url"
	"strings"
)

// Header lists are written like OTEL_EXPORTER_OTLP_HEADERS: name=value pairs
// joined by commas, values percent-encoded where they hold a comma.
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
const headerKind = "name=value pairs joined by commas, a comma inside a value written %2C"

// framing are the headers that say where a message ends and how it travels.
// They belong to whoever writes the message.
const framing = " connection content-length host keep-alive te trailer transfer-encoding upgrade "

func headerList(at func(*Config) *[]Header) binding {
	return binding{
		kind: headerKind,
		set: func(c *Config, s string) error {
			headers, err := parseHeaders(s)
			if err != nil {
				return err
			}
			*at(c) = headers
			return nil
		},
		get: func(c *Config) string {
			pairs := make([]string, 0, len(*at(c)))
			for _, h := range *at(c) {
				pairs = append(pairs, h.Name+"="+strings.ReplaceAll(strings.ReplaceAll(h.Value, "%", "%25"), ",", "%2C"))
			}
			return strings.Join(pairs, ",")
		},
	}
}

func secretHeaderList(at func(*Config) *[]SecretHeader) binding {
	return binding{
		kind: headerKind,
		set: func(c *Config, s string) error {
			headers, err := parseHeaders(s)
			if err != nil {
				return err
			}
			hiddenHeaders := make([]SecretHeader, len(headers))
			for i, h := range headers {
				hiddenHeaders[i] = SecretHeader{h.Name, NewSecret(h.Value)}
			}
			*at(c) = hiddenHeaders
			return nil
		},
		get: func(c *Config) string {
			if len(*at(c)) == 0 {
				return ""
			}
			return hidden
		},
	}
}

// parseHeaders reads a header list. Its errors never quote it.
func parseHeaders(s string) ([]Header, error) {
	var headers []Header
	for pair := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !ok || !token(name) {
			return nil, want(headerKind)
		}
		if strings.Contains(framing, " "+strings.ToLower(name)+" ") {
			return nil, errors.New("connection, length and transfer headers cannot be set: " + want(headerKind).Error())
		}
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil || strings.ContainsFunc(value, notFieldContent) {
			return nil, want(headerKind)
		}
		headers = append(headers, Header{name, value})
	}
	return headers, nil
}

// token reports whether s is an RFC 9110 §5.6.2 token.
func token(s string) bool {
	const symbols = "!#$%&'*+-.^_`|~"
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(symbols, r)) {
			return false
		}
	}
	return s != ""
}

// notFieldContent keeps line ends out of values: %0D%0A would add headers, or a
// second response.
func notFieldContent(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f }
