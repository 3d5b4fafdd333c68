package quarantine_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
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

	"github.com/merlon-security/merlon/internal/awsapi/awstest"
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
	cert, s.roots = awstest.Certificate(t, "evidence.s3.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com")
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
	if err := awstest.Verify(r, body, s.name, s.secret, s.now); err != nil {
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
