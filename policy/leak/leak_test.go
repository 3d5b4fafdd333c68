package leak_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/leak"
)

// None of these is anybody's.
const (
	keyID  = "ASIAQ3XJ7WFK2M5NRTZP"
	secret = "q8Zr/T4vXw2LmN0pKc+J7hYs5DfGb1AeUo9iRtVx"
	apiKey = `hk_9x/Q2"w7+Lp&4Zr<8Tn=5Vb3`
)

var token = "IQoJb3JpZ2luX2VjE" + strings.Repeat("k7Qw/9Zx+2Lm5Np8Rt4V", 20)

var environ = []string{
	"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + token, "PARTNER_API_KEY=" + apiKey,
	"DATABASE_URL=postgres://shop:Zk3vQ9@db.internal:5432/shop", "_HANDLER=index.handler", "AWS_LAMBDA_FUNCTION_NAME=orders-with-a-long-name",
}

func find(s *leak.Set, text string) (out []leak.Match) {
	s.Find([]byte(text), func(m leak.Match) {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	})
	return out
}

func kinds(ms []leak.Match) (out []leak.Kind) {
	for _, m := range ms {
		if !slices.Contains(out, m.Kind) {
			out = append(out, m.Kind)
		}
	}
	return out
}

func TestWhichVariablesAreSecret(t *testing.T) {
	t.Parallel()
	secretOnes := []string{
		"AWS_SECRET_ACCESS_KEY=" + secret, "STRIPE_KEY=sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "JWT_SIGNING_KEY=8f3a9c1e7b5d2f4a6c8e0b1d3f5a7c9e",
		"DATABASE_URL=postgres://shop:Zk3vQ9@db.internal:5432/shop", "REDIS=redis://:pw123@cache.internal:6379/0",
		"STORAGE=DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=Zk3vQ9x7Lm2N==", "DB_PASSWORD=t7Kq-92mX_vB4zLp0sWd",
		"slack-token=xoxb-" + "284917364052-Zk3vQ9x7Lm2N", "SIGNER=-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
	}
	plain := []string{
		"PASSWORD=short-Zk3vQ9", "PASSWORD=correct-horse-battery-staple", "SECRET_ARN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:Shop-Zk3vQ9",
		"DB_SECRET=arn:aws:secretsmanager:eu-west-1:123456789012:secret:Shop-Zk3vQ9", "KMS_KEY_ID=1234abcd-12ab-34cd-56ef-1234567890ab",
		"KMS_KEY=1234abcd-12ab-34cd-56ef-1234567890ab", "TOKEN_URL=https://login.example.com/oauth2/v1/token", "STRIPE_PUBLISHABLE_KEY=pk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
		"STRIPE_KEY=pk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "GOOGLE_MAPS_API_KEY=AIza" + "SyB9x7Lm2NqLyjWDarjtT1zdp7dc01", "NEXT_PUBLIC_KEY=8f3a9c1e7b5d2f4a6c8e0b1d3f5a7c9e",
		"RECAPTCHA_SITE_KEY=6Lc9x7Lm2NqLyjWDarjtT1zdp7dc0123456789ab", "KEY_PATH=/opt/keys/9x7Lm2NqLyjWDarjtT1zdp7dc", "AWS_ACCESS_KEY_ID=" + keyID,
		"BUILD=8f3a9c1e7b5d2f4a6c8e0b1d3f5a7c9e", "SECRET=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "API_URL=https://api.example.com/v1/9x7Lm2NqLyjWDarjtT1",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/03/01/[$LATEST]8f3a9c1e7b5d2f4a6c8e0b1d3f5a7c9e", "SUPABASE_ANON_KEY=eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.Zk3vQ9",
	}
	for _, v := range secretOnes {
		if name, _, _ := strings.Cut(v, "="); !slices.Equal(leak.New([]string{v}).Variables(), []string{name}) {
			t.Errorf("%s is not looked for", v)
		}
	}
	for _, v := range plain {
		if got := leak.New([]string{v}).Variables(); len(got) > 0 {
			t.Errorf("%s is looked for", v)
		}
	}
}

// A value is found however it is written, at every alignment.
func TestEverySpelling(t *testing.T) {
	t.Parallel()
	s := leak.New(environ)
	inJSON, err := json.Marshal(map[string]string{"k": apiKey})
	if err != nil {
		t.Fatal(err)
	}
	spellings := map[string]string{
		"plain": apiKey, "Go's JSON": string(inJSON), "PHP's JSON": strings.NewReplacer(`"`, `\"`, "/", `\/`).Replace(apiKey),
		"query": url.QueryEscape(apiKey), "query, small": strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%3C", "%3c", "%3D", "%3d").Replace(url.QueryEscape(apiKey)),
		"HTML": "hk_9x/Q2&#34;w7+Lp&amp;4Zr&lt;8Tn=5Vb3",
	}
	for shift := range 3 {
		around := strings.Repeat("x", shift) + apiKey + "tail"
		spellings[fmt.Sprint("base64 behind ", shift)] = base64.StdEncoding.EncodeToString([]byte(around))
		spellings[fmt.Sprint("base64 for URLs behind ", shift)] = base64.RawURLEncoding.EncodeToString([]byte(around))
	}
	for name, text := range spellings {
		for before := range 40 {
			got := find(s, strings.Repeat(".", before)+text)
			if len(got) != 1 || got[0].Name != "PARTNER_API_KEY" || got[0].Kind != leak.Variable {
				t.Errorf("%s behind %d bytes: %+v", name, before, got)
			}
		}
	}
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	s := leak.New(environ)
	pem := "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7Lm2NqLyjWDarjtT1zdp7dcZk3vQ9hYs5DfGb1AeUo9iRtV\nq8ZrT4vXw2LmN0pKcJ7h\n-----END RSA PRIVATE KEY-----"
	other := "AKIAR5TNHV4JQ2XWKD7M"
	otherSecret := "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"
	tests := []struct {
		name, text string
		want       []leak.Kind
	}{
		{"the function's secret key", "x=" + secret, []leak.Kind{leak.Credentials}},
		{"its session token", `{"token":"` + token + `"}`, []leak.Kind{leak.Credentials}},
		{"an environment", `{"PATH":"/bin","PARTNER_API_KEY":` + mustJSON(apiKey) + `}`, []leak.Kind{leak.Variable}},
		{"an address with a password", "cannot connect to postgres://shop:Zk3vQ9@db.internal:5432/shop: timeout", []leak.Kind{leak.Variable}},
		{"a file of credentials", "[default]\naws_access_key_id = " + other + "\naws_secret_access_key = " + otherSecret + "\n", []leak.Kind{leak.KeyPair}},
		{"a pair in JSON", `{"accessKeyId":"` + other + `","secretAccessKey":"` + otherSecret + `"}`, []leak.Kind{leak.KeyPair}},
		{"the secret first", `secret ` + otherSecret + ` of ` + other, []leak.Kind{leak.KeyPair}},
		{"an endpoint's document", `{"Code":"Success","AccessKeyId":"` + other + `","SecretAccessKey":"` + otherSecret + `","Token":"IQoJ","Expiration":"2026"}`, []leak.Kind{leak.Document}},
		{"a private key", pem, []leak.Kind{leak.PrivateKey}},
		{"a private key in JSON", mustJSON(pem), []leak.Kind{leak.PrivateKey}},

		{"an id alone", "key " + other, nil},
		{"an example in documentation", "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", nil},
		{"an id beside a hash", other + " 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", nil},
		{"an id beside a longer word", other + ` "` + otherSecret + `Zk3v"`, nil},
		{"a pre-signed URL", "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + keyID +
			"%2F20260301%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Security-Token=" + url.QueryEscape(token) + "&X-Amz-Signature=" + strings.Repeat("5d672d79", 8), nil},
		{"a pre-signed form", `{"url":"https://b.s3.amazonaws.com","fields":{"x-amz-credential":"` + keyID + `/20260301/eu-west-1/s3/aws4_request","x-amz-security-token":"` + token + `"}}`, nil},
		{"tokens of a login", `{"id_token":"eyJraWQiOiJ4In0.eyJzdWIiOiIxIn0.` + strings.Repeat("q8ZrT4vXw2LmN0pKcJ7h", 9) + `","refresh_token":"` + strings.Repeat("Yk3vQ9hYs5DfGb1AeUo9", 9) + `"}`, nil},
		{"a picture", `"data:image/png;base64,` + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\x89PNG7/x+q8Zr"), 900)) + `"`, nil},
		{"a public key", strings.ReplaceAll(pem, "RSA PRIVATE", "PUBLIC"), nil},
		{"a private key cut short", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ...\n-----END PRIVATE KEY-----", nil},
		{"a row of letters for a key", "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("X", 128) + "\n-----END PRIVATE KEY-----", nil},
		{"a key with a passphrase", strings.ReplaceAll(pem, "RSA PRIVATE", "ENCRYPTED PRIVATE"), nil},
		{"names without values", `{"AWS_SECRET_ACCESS_KEY":"***","PARTNER_API_KEY":"hk_9x/…"}`, nil},
		{"identifiers", `{"id":"1234abcd-12ab-34cd-56ef-1234567890ab","etag":"8f3a9c1e7b5d2f4a6c8e0b1d3f5a7c9e"}`, nil},
	}
	for _, tt := range tests {
		if got := kinds(find(s, tt.text)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: found %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A match never says what it found.
func TestMatchHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for _, m := range find(leak.New(environ), secret+" "+apiKey+" "+token) {
		if text := fmt.Sprintf("%+v", m); strings.Contains(text, secret[:8]) || strings.Contains(text, apiKey[:8]) || strings.Contains(text, token[:8]) {
			t.Errorf("%s", text)
		}
	}
}

func mustJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can be marshalled
	}
	return string(b)
}
