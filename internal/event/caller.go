package event

import (
	"net/netip"
	"strings"
)

// caller reads who made the request from where the front end puts it. Whoever
// may invoke the function directly can write anything here.
func (d *decoder) caller(doc int32) {
	dc := &d.ev.docs[doc]
	rc := dc.child(0, "requestContext")
	c := &d.ev.Caller
	identity := dc.child(rc, "identity")
	forwarded := d.ev.Header("x-forwarded-for")
	c.IP = address(firstOf(dc.text(dc.child(dc.child(rc, "http"), "sourceIp")), dc.text(dc.child(identity, "sourceIp"))))
	first, _, _ := strings.Cut(forwarded, ",")
	c.IPClaimed = address(first)
	if d.ev.Source == ALB {
		// An ALB appends the address it saw (Elastic Load Balancing, "X-Forwarded headers").
		c.IP = address(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
	}
	d.principal(dc, rc, identity)
	d.sender(dc)
}

// address returns an IP address in its canonical form, without the port that
// some proxies add. Whatever is no address is dropped: it would be the caller's
// text in a verdict.
func address(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.WithZone("").String()
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().WithZone("").String()
	}
	return ""
}

// arn returns an ARN whose text is one as AWS writes it, else nothing.
func arn(s string) string {
	if !strings.HasPrefix(s, "arn:aws") || len(s) > 256 || strings.Count(s, ":") < 5 {
		return ""
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !alnum(c) && strings.IndexByte(":/_.-+=@*", c) < 0 {
			return ""
		}
	}
	return s
}

func alnum(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func (d *decoder) principal(dc *document, rc, identity int32) {
	auth := dc.child(rc, "authorizer")
	jwt := dc.child(dc.child(auth, "jwt"), "claims")
	for _, p := range [...]struct{ kind, id string }{
		{"iam", firstOf(dc.text(dc.child(identity, "userArn")), dc.text(dc.child(dc.child(auth, "iam"), "userArn")))},
		{"jwt", dc.text(dc.child(jwt, "sub"))},
		{"cognito", firstOf(dc.text(dc.child(identity, "cognitoIdentityId")), dc.text(dc.child(dc.child(auth, "claims"), "sub")))},
		{"api-key", dc.text(dc.child(identity, "apiKeyId"))},
		{"authorizer", dc.text(dc.child(auth, "principalId"))},
	} {
		if p.id != "" {
			d.ev.Caller.PrincipalType, d.ev.Caller.PrincipalID = p.kind, clean(p.id, 128)
			return
		}
	}
}

// clean makes a reported identity fit for a log line.
func clean(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		s = s[:n]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x21 || r > 0x7e {
			return -1
		}
		return r
	}, s)
}
