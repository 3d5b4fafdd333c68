package event_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

func TestA10CanonicalPath(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "/",
		"/":                       "/",
		"/orders/7":               "/orders/7",
		"/orders/7/":              "/orders/7",
		"//orders///7":            "/orders/7",
		"/orders/./7":             "/orders/7",
		"/login/../admin":         "/admin",
		"/../../admin":            "/admin",
		"/%6cogin":                "/login",
		"/%256cogin":              "/login",
		"/login%2f..%2fadmin":     "/admin",
		"/login%252f..%252fadmin": "/admin",
		`\login\..\admin`:         "/admin",
		"/login;v=1/..;x/admin":   "/admin",
		"/a+b%20c":                "/a+b c",
		"/broken%zz%":             "/broken%zz%",
	} {
		if got := event.CanonicalPath(in); got != want {
			t.Errorf("CanonicalPath(%q) = %q, want %q", in, got, want)
		}
	}
}
