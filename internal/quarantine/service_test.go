package quarantine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/merlon-security/merlon/internal/quarantine"
)

// service is S3 or SQS on the wire: it checks every signature with the SDK's
// signer, keeps what it acknowledges, and follows a script of other answers.
type service struct {
	t    *testing.T
	name string // as signed
	*httptest.Server
	roots *x509.CertPool

	mu     sync.Mutex
	script []http.HandlerFunc // for the next requests, before it works
	now    time.Time
	secret map[string]string // by access key id
	seen   int
	objects,
	paths []string
}

func newService(t *testing.T, name string, script ...http.HandlerFunc) *service {
	s := &service{t: t, name: name, script: script, now: start, secret: map[string]string{"AKIDEXAMPLE": "wJalrXUtnFEMI"}}
	s.Server = httptest.NewUnstartedServer(s)
	var cert tls.Certificate
	cert, s.roots = certificate(t, "evidence.s3.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com")
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// keeper makes a Keeper that reaches the service, and nothing else, under the
// host it should be calling.
func (s *service) keeper(b *bench, target string, sealed bool, limit time.Duration) *quarantine.Keeper {
	s.t.Helper()
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "127.0.0.1:") {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		want := map[string]string{"s3": "evidence.s3.eu-west-1.amazonaws.com:443", "sqs": "sqs.eu-west-1.amazonaws.com:443"}[s.name]
		if addr != want {
			s.t.Errorf("dialled %s, want %s", addr, want)
			return nil, errBroken
		}
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	k, err := quarantine.NewOn(b.options(target, sealed), dial, s.roots, limit)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// next sets what the service does before it works.
func (s *service) next(script ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen++
	var next http.HandlerFunc
	if len(s.script) > 0 {
		next, s.script = s.script[0], s.script[1:]
	}
	s.mu.Unlock()
	if next != nil {
		next(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "short body", http.StatusBadRequest)
		return
	}
	if err := s.verify(r, body); err != nil {
		s.t.Errorf("%s: %v", s.name, err)
		fault(http.StatusForbidden, "SignatureDoesNotMatch")(w, r)
		return
	}
	s.accept(w, r, body)
}

func (s *service) accept(w http.ResponseWriter, r *http.Request, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = append(s.paths, r.Method+" "+r.URL.Path)
	if s.name == "s3" {
		s.objects = append(s.objects, string(body))
		return
	}
	message, err := messageOf(r, body)
	if err != nil {
		s.t.Errorf("sqs: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.objects = append(s.objects, message)
	fmt.Fprint(w, `{"MD5OfMessageBody":"x","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274"}`)
}

// verify signs the request anew with the SDK and compares.
func (s *service) verify(r *http.Request, body []byte) error {
	auth := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(auth, "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	_, rest, _ = strings.Cut(auth, "SignedHeaders=")
	signed, _, _ := strings.Cut(rest, ",")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return err
	}
	if d := at.Sub(s.now); d > 15*time.Minute || d < -15*time.Minute {
		return fmt.Errorf("signed %v off", d)
	}
	again, err := http.NewRequest(r.Method, "https://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(signed, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	again.Header.Del("X-Amz-Security-Token") // the signer sets it
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !strings.Contains(";"+signed+";", ";"+lower+";") {
			return fmt.Errorf("%s is not signed", name)
		}
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if got := r.Header.Get("X-Amz-Content-Sha256"); got != hash {
		return fmt.Errorf("content hash %q, want %q", got, hash)
	}
	creds := aws.Credentials{AccessKeyID: id, SecretAccessKey: s.secret[id], SessionToken: r.Header.Get("X-Amz-Security-Token")}
	err = v4.NewSigner().SignHTTP(context.Background(), creds, again, hash, s.name, "eu-west-1", at,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.name == "s3" })
	if err != nil {
		return err
	}
	if got := again.Header.Get("Authorization"); got != auth || creds.SecretAccessKey == "" {
		return fmt.Errorf("signature\n%s, the SDK's is\n%s", auth, got)
	}
	return nil
}

// kept is all that was acknowledged, for extraction.
func (s *service) kept() io.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.NewReader([]byte(strings.Join(s.objects, "")))
}

// fault answers with an error of S3 and of SQS at once.
func fault(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		if r.Method == http.MethodPut {
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)
			return
		}
		fmt.Fprintf(w, `{"__type":"com.amazonaws.sqs#%s","message":"no"}`, code)
	}
}
