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
		"headers":                      request + fill(`"headers":{"a":"b"},`) + `"z":1}`,
		"bodies":                       request + fill(`"body":"a=b&c=d",`) + `"headers":{"content-type":"x"}}`,
		"queries":                      request + fill(`"rawQueryString":"a=b",`) + `"z":1}`,
		"paths":                        request + fill(`"path":"/b",`) + `"z":1}`,
		"cookies":                      request + `"headers":{"cookie":"` + fill(`a=b;`) + `"}}`,
		"content types":                request + `"multiValueHeaders":{"content-type":[` + fill(`"multipart/x; boundary=B",`) + `"x"]},"body":"--B"}`,
		"strings that look like JSON":  `{"a":[` + fill(`"{\"a\":1]",`) + `1]}`,
		"escaped quotes":               `{"a":"` + fill(`\"`) + `"}`,
		"escaped backslashes":          `[` + fill(`"\\",`) + `1]`,
		"padding":                      request + `"isBase64Encoded":true,"body":"` + fill(`YWJj=!`) + `"}`,
		"boundaries and no line":       multipart + fill(`\r--B `) + `"}`,
		"parts":                        multipart + fill(`--B\r\n\r\n`) + `"}`,
		"headers of a part":            multipart + `--B\r\n` + fill(`a:b\r\n`) + `\r\n"}`,
		"parameters of a header":       multipart + `--B\r\nContent-Disposition: form-data` + fill(`; a=b`) + `\r\n\r\n"}`,
		"cookies before one in quotes": request + `"headers":{"cookie":"` + fill(`a=b;`) + `c=\"x\""}}`,
		"blanks in a cookie":           request + `"headers":{"cookie":"` + fill(`a=b `) + `"}}`,
		"quotes in a cookie":           request + `"headers":{"cookie":"` + fill(`a=\"`) + `"}}`,
		"semicolons of a query":        request + `"rawQueryString":"` + fill(`a=1;`) + `"}`,
		"brackets of a query":          request + `"rawQueryString":"` + fill(`a]=`) + `"}`,
		"entities of a query":          request + `"rawQueryString":"` + fill(`a=&#60;`) + `"}`,
		"low bytes of a query":         request + `"rawQueryString":"` + fill(`ļ%ff`) + `"}`,
		"segments of a path":           request + `"rawPath":"` + fill(`/'`) + `"}`,
		"names of a part":              multipart + `--B\r\nContent-Disposition: form-data` + fill(`; name=a`) + `; x=\"\r\n\r\n"}`,
		"quotes of a parameter":        multipart + `--B\r\nContent-Disposition: form-data; name=` + fill(`\"a`) + `\r\n\r\n"}`,
		"pieces of a parameter":        multipart + `--B\r\nContent-Disposition: form-data` + fill(`; name*1=a`) + `\r\n\r\n"}`,
		"words of a parameter":         multipart + `--B\r\nContent-Disposition: form-data; name=\"` + fill(`=?u?q?`) + `\"\r\n\r\n"}`,
		"lines that are no headers":    multipart + `--B\r\n` + fill(`a b\r\n`) + `\r\n"}`,
		"boundaries that go on":        multipart + `--B\r\n\r\n` + fill(`\r\n--Bx`) + `"}`,
		"segments of a token":          `{"a":"` + fill(`aaaaaaaaaaaa.`) + `"}`,
		"junk in base64":               `{"a":"` + fill(`PHNj*`) + `"}`,
		"padding in base64":            `{"a":["` + fill(`PHNjcmlwdD4x=`) + `"]}`,
		"strings in quotes":            `{"a":[` + fill(`"\"a\"",`) + `1]}`,
	} {
		ev := decode(raw)
		held := 0
		for i := range ev.Leaves {
			held += len(ev.Leaves[i].Value)
		}
		if most := len(raw) + 2*event.DefaultLimits().Decoded; held > most {
			t.Errorf("%s: leaves of %d bytes, want at most %d", name, held, most)
		}
		if n := len(ev.Leaves); n > event.DefaultLimits().Nodes*3/2 {
			t.Errorf("%s: %d leaves", name, n)
		}
	}
}
