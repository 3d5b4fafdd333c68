package quarantine

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi"
)

// s3Store writes an object of lines for each entry.
type s3Store struct {
	remote *awsapi.Client
	limit  time.Duration // of one put
	now    func() time.Time
	base   string // https://host/, with the bucket and prefix in it
}

func newS3(o Options, t *target, n awsapi.Network) (*s3Store, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(o.Target, "s3://"), "/")
	prefix = strings.Trim(prefix, "/")
	if !bucketName(bucket) {
		return nil, fmt.Errorf("MERLON_QUARANTINE=%q: %q is not a bucket's name", o.Target, bucket)
	}
	if !plainPrefix(prefix) {
		return nil, fmt.Errorf("MERLON_QUARANTINE=%q: want a prefix of letters, digits and -_./ without empty parts and steps upwards", o.Target)
	}
	region := o.Env("AWS_REGION")
	h, err := awsapi.Host("s3", region)
	if err != nil {
		return nil, fmt.Errorf("MERLON_QUARANTINE=%q: %w", o.Target, err)
	}
	base := "https://" + bucket + "." + h + "/"
	if strings.Contains(bucket, ".") { // no certificate covers a name with further dots
		base = "https://" + h + "/" + bucket + "/"
	}
	if prefix != "" {
		base += prefix + "/"
	}
	t.bucket = bucket
	return &s3Store{limit: storeCap, now: o.Now, remote: awsapi.New(awsapi.Options{Env: o.Env, Now: o.Now}, "s3", region, n), base: base}, nil
}

// put writes all lines in one request, so that the object is there whole or not
// at all (Amazon S3, "Data consistency model").
func (s *s3Store) put(ctx context.Context, id string, lines [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	url := s.base + s.now().UTC().Format("2006/01/02/") + id + ".jsonl"
	header := map[string]string{"Content-Type": "application/x-ndjson"}
	if _, err := s.remote.Do(ctx, http.MethodPut, url, header, bytes.Join(lines, nil)); err != nil {
		return fmt.Errorf("quarantine to S3: %w", err)
	}
	return nil
}

// bucketName takes what may be a bucket's name (Amazon S3, "Bucket naming
// rules").
func bucketName(s string) bool {
	return len(s) >= 3 && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" &&
		s[0] != '-' && s[0] != '.' && !strings.Contains(s, "..")
}

// plainPrefix takes what needs no escaping in a URL, so that what is signed and
// what is sent cannot differ.
func plainPrefix(s string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./"
	if s == "" {
		return true
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return strings.Trim(s, plain) == "" && len(s) <= 512
}
