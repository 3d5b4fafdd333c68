package awsapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// sign adds a Signature Version 4 to a request (AWS IAM, "Create a signed AWS
// API request"). It covers every header the request has so far. The request has
// no query, and its path no character that would have to be escaped: S3 and the
// other services escape differently.
func sign(r *http.Request, c credentials, region, service string, body []byte, now time.Time) {
	const layout = "20060102T150405Z"
	stamp := now.UTC().Format(layout)
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", payload)
	if c.token != "" {
		r.Header.Set("X-Amz-Security-Token", c.token)
	}
	names, headers := canonicalHeaders(r)
	request := strings.Join([]string{r.Method, r.URL.Path, "", headers, names, payload}, "\n")
	scope := stamp[:8] + "/" + region + "/" + service + "/aws4_request"
	digest := sha256.Sum256([]byte(request))
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(digest[:])
	key := []byte("AWS4" + c.secret)
	for _, part := range [...]string{stamp[:8], region, service, "aws4_request"} {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.id+"/"+scope+", SignedHeaders="+names+
		", Signature="+hex.EncodeToString(mac(key, text)))
}

// canonicalHeaders returns the names, joined, and the lines of the headers.
func canonicalHeaders(r *http.Request) (names, lines string) {
	all := []string{"host"}
	for name := range r.Header {
		all = append(all, strings.ToLower(name))
	}
	slices.Sort(all)
	var b strings.Builder
	for _, name := range all {
		value := r.URL.Host
		if name != "host" {
			value = strings.TrimSpace(r.Header.Get(name))
		}
		b.WriteString(name + ":" + value + "\n")
	}
	return strings.Join(all, ";"), b.String()
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
