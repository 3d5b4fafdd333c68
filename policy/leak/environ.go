package leak

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"math"
	"net/url"
	"slices"
	"strings"
)

// leastBytes is the length from which a value is looked for, and leastEntropy and
// leastClasses are what it must have besides. A shorter or plainer one could be
// guessed: whoever can have the function echo a guess would learn by the refusal
// that it is right.
const (
	leastBytes   = 20
	leastEntropy = 3.2 // bits for each byte
	leastClasses = 2   // of small letters, capitals and digits
)

// mostValue is how much of a value is looked for, and mostVariables how many
// variables.
const (
	mostValue     = 512
	mostVariables = 64
)

const (
	secretKey    = "AWS_SECRET_ACCESS_KEY"
	sessionToken = "AWS_SESSION_TOKEN"
)

// needles returns the spellings of the secret values of an environment.
func needles(environ []string) (all []needle) {
	count := 0
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !secret(name, value) || count == mostVariables {
			continue
		}
		count++
		kind := Variable
		if name == secretKey || name == sessionToken {
			kind = Credentials
		}
		for _, f := range forms(value[:min(len(value), mostValue)]) {
			// Of a session token in base64 it is not known what it stands in. The secret
			// key is found there; without it the token is worth nothing.
			if name == sessionToken && f.name == inBase64 || len(f.text) < leastBytes {
				continue
			}
			all = append(all, needle{text: f.text, variable: name, form: f.name, kind: kind})
		}
	}
	return all
}

// secret reports whether a variable holds what must not go out.
func secret(name, value string) bool {
	switch {
	case len(value) < leastBytes:
		return false
	case name == secretKey || name == sessionToken:
		return true
	case withPassword(value) || strings.Contains(value, "PRIVATE KEY-----") || hasPrefix(value, secretPrefixes[:]):
		return true
	}
	return secretName(name) && !plainValue(value) && random(value)
}

// secretWords are words of names of secrets. secretPrefixes are what services
// begin theirs with.
var (
	secretWords = [...]string{
		"SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASS", "PWD", "PASSPHRASE", "TOKEN", "KEY", "APIKEY", "CREDENTIAL", "CREDENTIALS",
		"DSN", "SALT", "PEPPER", "AUTH", "SIGNATURE", "JWT", "CONNECTION",
	}
	secretPrefixes = [...]string{"sk_live_", "rk_live_", "whsec_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-", "SG.", "shpat_", "npm_", "hvs."}
)

// publicWords are words of names of what is made to be sent to browsers, or that
// says where a secret is and not what.
var publicWords = [...]string{
	"PUBLIC", "PUBLISHABLE", "SITE", "ANON", "MAPS", "SEARCH", "VITE", "FIREBASE", "SENTRY", "ID", "ARN", "URL", "URI", "PATH", "FILE",
	"NAME", "HOST", "ENDPOINT", "REGION", "TABLE", "BUCKET", "HEADER", "PREFIX", "ALGORITHM", "ALG", "ISSUER", "AUDIENCE",
}

func secretName(name string) bool {
	words := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	has := func(list []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	return has(secretWords[:]) && !has(publicWords[:]) && !strings.HasPrefix(name, "REACT_APP_")
}

// withPassword reports whether a value is an address or a list of settings with a
// password in it.
func withPassword(value string) bool {
	if u, err := url.Parse(value); err == nil && u.User != nil {
		p, has := u.User.Password()
		return has && p != ""
	}
	lower := strings.ToLower(value)
	return strings.Contains(lower, ";") && (strings.Contains(lower, "password=") || strings.Contains(lower, "pwd=") ||
		strings.Contains(lower, "accountkey=") || strings.Contains(lower, "sharedaccesskey="))
}

// plainValue reports whether a value tells what it is: where a secret lies, a key
// for browsers, the id of a key.
func plainValue(value string) bool {
	return hasPrefix(value, []string{"arn:", "/", "./", "http://", "https://", "s3://", "pk_live_", "pk_test_", "AIza", "alias/", "{{resolve:"}) ||
		strings.ContainsAny(value, " \t") || uuid(value)
}

func hasPrefix(value string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(value, p) })
}

// uuid reports the form 8-4-4-4-12: identifiers of keys and clients.
func uuid(v string) bool {
	return len(v) == 36 && v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-' &&
		strings.Trim(strings.ToLower(v), "0123456789abcdef-") == ""
}

// random reports whether a value cannot be guessed.
func random[T string | []byte](value T) bool {
	var count [256]int
	var small, capital, digit int
	for i := range len(value) {
		c := value[i]
		count[c]++
		switch {
		case 'a' <= c && c <= 'z':
			small = 1
		case 'A' <= c && c <= 'Z':
			capital = 1
		case '0' <= c && c <= '9':
			digit = 1
		}
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(value))
			bits -= p * math.Log2(p)
		}
	}
	return bits >= leastEntropy && small+capital+digit >= leastClasses
}

// form is one spelling of a value.
type form struct{ name, text string }

const inBase64 = "base64"

// forms returns the spellings of a value that are looked for: as it is, and what
// encoders for URLs, JSON, HTML and base64 make of it, of the last wherever in
// the encoded text it begins.
func forms(value string) (all []form) {
	add := func(name, text string) {
		if !slices.ContainsFunc(all, func(f form) bool { return f.text == text }) {
			all = append(all, form{name, text})
		}
	}
	add("plain", value)
	query := strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	component := strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(query) // encodeURIComponent
	for _, escaped := range []string{query, component, url.QueryEscape(value)} {
		add("URL-encoded", escaped)
		add("URL-encoded", lowerEscapes(escaped))
	}
	if j, err := json.Marshal(value); err == nil { // which escapes < > & besides
		inner := string(j[1 : len(j)-1])
		add("JSON", inner)
		inner = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(inner)
		add("JSON", inner)
		add("JSON", strings.ReplaceAll(inner, "/", `\/`))
	}
	add("HTML", html.EscapeString(value))
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
		// The first characters hold bits of what stands before, the last of what follows.
		text = text[[...]int{0, 2, 3}[shift] : (shift+len(value))*8/6]
		add(inBase64, text)
		add(inBase64, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	}
	return all
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			for j := i + 1; j <= i+2; j++ {
				if 'A' <= b[j] && b[j] <= 'F' {
					b[j] += 'a' - 'A'
				}
			}
		}
	}
	return string(b)
}
