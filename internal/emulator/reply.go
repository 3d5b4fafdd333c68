package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

// reply turns what the function returned into HTTP, by the rules of the front.
func (f *frontHandler) reply(w http.ResponseWriter, result Result) {
	answer, err := f.decode(result)
	if err != nil {
		f.lambda.logs.platform("RequestId: " + result.RequestID + " " + f.Kind.String() + ": " + err.Error())
		f.writeBadGateway(w)
		return
	}
	answer.write(w)
}

// answer is a decoded reply.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	header := w.Header()
	maps.Copy(header, a.header)
	// Whatever the function claims, the length is that of the body, and some
	// statuses have none.
	header.Del("Content-Length")
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// document is the structured reply, the union of what the fronts understand.
type document struct {
	StatusCode        json.RawMessage              `json:"statusCode"`
	Headers           map[string]json.RawMessage   `json:"headers"`
	MultiValueHeaders map[string][]json.RawMessage `json:"multiValueHeaders"`
	Cookies           []string                     `json:"cookies"`
	Body              json.RawMessage              `json:"body"`
	IsBase64Encoded   bool                         `json:"isBase64Encoded"`
}

var errMalformed = errors.New("malformed reply: want a JSON object with a numeric statusCode")

func (f *frontHandler) decode(result Result) (answer, error) {
	var doc document
	err := json.Unmarshal(result.Payload, &doc)
	structured := err == nil && doc.StatusCode != nil
	if f.Kind == FunctionURL || f.Kind == HTTPAPI {
		if !structured && !isReplyObject(result.Payload) {
			return inferred(result.Payload), nil
		}
	}
	if err != nil {
		return answer{}, fmt.Errorf("%w: %v", errMalformed, err)
	}
	status, err := statusOf(doc.StatusCode)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: status, header: f.headerOf(doc)}
	a.body, err = bodyOf(doc)
	if err != nil {
		return answer{}, err
	}
	if a.header.Get("Content-Type") == "" && f.Kind != ALB {
		a.header.Set("Content-Type", "application/json")
	}
	return a, nil
}

// isReplyObject reports an object that names a statusCode: meant as a
// structured reply, even if it is a broken one.
func isReplyObject(payload []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(payload, &object) == nil && object["statusCode"] != nil
}

// inferred is the reply of a function that returned something without a
// statusCode: all of it is the body ("Invoking Lambda function URLs", response
// payload format). REST APIs and load balancers do not infer.
func inferred(payload []byte) answer {
	return answer{
		status: http.StatusOK,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   payload,
	}
}

// statusOf takes numbers and strings of digits, as the gateways do. 1xx is no
// answer.
func statusOf(raw json.RawMessage) (int, error) {
	status, err := strconv.Atoi(string(bytes.Trim(raw, `"`)))
	if err != nil || status < 200 || status > 999 {
		return 0, errMalformed
	}
	return status, nil
}

// headerOf merges the reply's headers. Payload 2.0 knows no multiValueHeaders;
// a load balancer reads the member that its target group calls for.
func (f *frontHandler) headerOf(doc document) http.Header {
	h := http.Header{}
	single, multi := true, f.Kind == RESTAPI
	if f.Kind == ALB {
		single, multi = !f.MultiValue, f.MultiValue
	}
	if multi {
		for name, values := range doc.MultiValueHeaders {
			for _, value := range values {
				h.Add(name, scalar(value))
			}
		}
	}
	if single {
		for name, value := range doc.Headers {
			if h.Get(name) == "" {
				h.Set(name, scalar(value))
			}
		}
	}
	if f.Kind == FunctionURL || f.Kind == HTTPAPI {
		for _, cookie := range doc.Cookies {
			h.Add("Set-Cookie", cookie)
		}
	}
	dropHopByHop(h)
	return h
}

// scalar is a header value that may have been written as number or boolean.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func bodyOf(doc document) ([]byte, error) {
	if len(doc.Body) == 0 || string(doc.Body) == "null" {
		return nil, nil
	}
	var text string
	if err := json.Unmarshal(doc.Body, &text); err != nil {
		return nil, errors.New("malformed reply: body is not a string")
	}
	if !doc.IsBase64Encoded {
		return []byte(text), nil
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("malformed reply: body is not base64")
	}
	return body, nil
}
