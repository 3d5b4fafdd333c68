package emulator_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// The order service is what end-to-end tests protect. It is built as it would
// be shipped: static, named bootstrap, for an OS-only runtime.
func TestOrders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "bootstrap"), "../../testdata/functions/orders")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f := emulator.Function{Name: "orders", Runtime: "provided.al2023", TaskRoot: dir, Timeout: time.Minute}
	t.Run("vulnerable", func(t *testing.T) { ordersAreVulnerable(t, f) })
	t.Run("summaries", func(t *testing.T) { ordersAreSummarised(t, f) })
}

// The holes are real: without protection every attack below succeeds, through
// every front.
func ordersAreVulnerable(t *testing.T, f emulator.Function) {
	l, book := start(t, emulator.Options{Function: f})
	form := func(pairs ...string) string {
		values := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return values.Encode()
	}
	tests := []struct {
		name, method, target, contentType, body string
		status                                  int
		has, lacks                              string
	}{
		{"list", "GET", "/orders", "", "", 200, "Grace", "acquisition"},
		{"list by status", "GET", "/orders?status=open", "", "", 200, "Ada", "Grace"},
		{"nothing there", "GET", "/orders?status=lost", "", "", 200, `{"orders":[]}`, "Ada"},
		{"injected OR", "GET", "/orders?" + form("status", "x' OR '1'='1"), "", "", 200, "draft", ""},
		{"injected comment", "GET", "/orders?" + form("status", "open' OR 1=1 -- "), "", "", 200, "draft", ""},
		{"injected UNION", "GET", "/orders?" + form("status", "x' UNION SELECT id, email, card, password FROM customers--"), "", "", 200, "4111111111111111", ""},
		{"broken query", "GET", "/orders?" + form("status", "it's"), "", "", 500, "syntax error", ""},
		{"invoice", "GET", "/invoices?file=1001.txt", "", "", 200, "Invoice 1001", ""},
		{"traversal", "GET", "/invoices?" + form("file", "../../../etc/passwd"), "", "", 200, "root:", ""},
		{"new order", "POST", "/orders", "application/json", `{"customer":"Tony","total":3.5,"note":"O'Brien said <hi>"}`, 201, "Tony", ""},
		{"render", "POST", "/render", "application/json", `{"title":"Annual report"}`, 200, "Rendering Annual report", ""},
		{"injected command", "POST", "/render", "application/json", `{"title":"x; echo $((6*7))"}`, 200, "42", ""},
		{"login", "POST", "/login", "application/x-www-form-urlencoded", form("email", "ada@example.com", "password", "analytical"), 200, "Ada", ""},
		{"wrong login", "POST", "/login", "application/x-www-form-urlencoded", form("email", "ada@example.com", "password", "x"), 401, "wrong", ""},
		{"injected login", "POST", "/login", "application/x-www-form-urlencoded", form("email", "x' OR 1=1#", "password", ""), 200, "Ada", ""},
		{"no such page", "GET", "/admin", "", "", 404, "no such page", ""},
	}
	fronts := []emulator.Front{{}, {Kind: emulator.HTTPAPI}, {Kind: emulator.RESTAPI}, {Kind: emulator.ALB}, {Kind: emulator.ALB, MultiValue: true}}
	for _, front := range fronts {
		server := httptest.NewServer(l.URLHandler(front))
		for _, test := range tests {
			req, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.target, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.contentType != "" {
				req.Header.Set("Content-Type", test.contentType)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != test.status || !strings.Contains(string(body), test.has) || test.lacks != "" && strings.Contains(string(body), test.lacks) {
				t.Errorf("%s, %s: %d %s, want %d with %q without %q", front.Kind, test.name, resp.StatusCode, body, test.status, test.has, test.lacks)
			}
		}
		server.Close()
	}
	book.await(t, emulator.SourceFunction, "orders: invocation 80,")
}

func ordersAreSummarised(t *testing.T, f emulator.Function) {
	l, _ := start(t, emulator.Options{Function: f})
	tests := []struct {
		name, event, source string
		records             int
		contains            string
	}{
		{"direct", `{"any":  "thing"}`, "direct", 0, ""},
		{"no object", `[1, 2]`, "direct", 0, ""},
		{"SQS", `{"Records":[{"messageId":"m1","eventSource":"aws:sqs"},{"messageId":"m2","eventSource":"aws:sqs"}]}`, "aws:sqs", 2, `"messages":["m1","m2"],"batchItemFailures":[]`},
		{"SNS", `{"Records":[{"EventSource":"aws:sns","Sns":{"MessageId":"n1"}}]}`, "aws:sns", 1, `"messages":["n1"]`},
		{"DynamoDB", `{"Records":[{"eventID":"e1","eventSource":"aws:dynamodb"}]}`, "aws:dynamodb", 1, `"batchItemFailures":[]`},
		{"Kafka", `{"eventSource":"aws:kafka","records":{"t-0":[{},{}],"t-1":[{}]}}`, "aws:kafka", 3, ""},
		{"EventBridge", `{"source":"aws.ec2","detail":{}}`, "aws.ec2", 0, ""},
	}
	for i, test := range tests {
		result := invoke(t, l, test.event)
		var got struct {
			Source      string
			Records     int
			SHA256      string
			Invocations int
		}
		if err := json.Unmarshal(result.Payload, &got); err != nil {
			t.Fatalf("%s: %s", test.name, result.Payload)
		}
		sum := sha256.Sum256([]byte(test.event))
		if got.Source != test.source || got.Records != test.records || got.SHA256 != hex.EncodeToString(sum[:]) || got.Invocations != i+1 {
			t.Errorf("%s: %s", test.name, result.Payload)
		}
		if !strings.Contains(string(result.Payload), test.contains) {
			t.Errorf("%s: %s lacks %s", test.name, result.Payload, test.contains)
		}
	}
	result := invoke(t, l, `{"deliveryStreamArn":"arn","records":[{"recordId":"r1","data":"AA=="}]}`)
	if want := `{"records":[{"data":"AA==","recordId":"r1","result":"Ok"}]}`; string(result.Payload) != want {
		t.Errorf("Firehose: %s, want %s", result.Payload, want)
	}
}
