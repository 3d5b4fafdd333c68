package event_test

import (
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

// Events of five megabytes that make a careless reader quadratic: with one, this
// test takes minutes instead of seconds.
func TestHostileEventsCostLinearTime(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	const request = `{"requestContext":{"http":{"method":"GET"}},`
	const multipart = request + `"headers":{"content-type":"multipart/form-data; boundary=B"},"body":"`
	for name, raw := range map[string]string{
		"headers":                     request + fill(`"headers":{"a":"b"},`) + `"z":1}`,
		"bodies":                      request + fill(`"body":"a=b&c=d",`) + `"headers":{"content-type":"x"}}`,
		"queries":                     request + fill(`"rawQueryString":"a=b",`) + `"z":1}`,
		"paths":                       request + fill(`"path":"/b",`) + `"z":1}`,
		"cookies":                     request + `"headers":{"cookie":"` + fill(`a=b;`) + `"}}`,
		"content types":               request + `"multiValueHeaders":{"content-type":[` + fill(`"multipart/x; boundary=B",`) + `"x"]},"body":"--B"}`,
		"strings that look like JSON": `{"a":[` + fill(`"{\"a\":1]",`) + `1]}`,
		"escaped quotes":              `{"a":"` + fill(`\"`) + `"}`,
		"escaped backslashes":         `[` + fill(`"\\",`) + `1]`,
		"padding":                     request + `"isBase64Encoded":true,"body":"` + fill(`YWJj=!`) + `"}`,
		"boundaries and no line":      multipart + fill(`\r--B `) + `"}`,
		"parts":                       multipart + fill(`--B\r\n\r\n`) + `"}`,
		"headers of a part":           multipart + `--B\r\n` + fill(`a:b\r\n`) + `\r\n"}`,
		"parameters of a header":      multipart + `--B\r\nContent-Disposition: form-data` + fill(`; a=b`) + `\r\n\r\n"}`,
	} {
		ev := decode(raw)
		if n := len(ev.Leaves); n > event.DefaultLimits().Nodes*3/2 {
			t.Errorf("%s: %d leaves", name, n)
		}
	}
}
