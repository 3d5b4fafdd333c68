package event

import "strings"

// caller reads who made the request from where the front end puts it. Whoever
// may invoke the function directly can write anything here.
func (d *decoder) caller(doc int32) {
	dc := &d.ev.docs[doc]
	rc := dc.child(0, "requestContext")
	c := &d.ev.Caller
	identity := dc.child(rc, "identity")
	forwarded := d.forwarded(dc)
	c.IP = firstOf(dc.text(dc.child(dc.child(rc, "http"), "sourceIp")), dc.text(dc.child(identity, "sourceIp")))
	if first, _, _ := strings.Cut(forwarded, ","); first != "" {
		c.IPClaimed = clean(first, 64)
	}
	if d.ev.Source == ALB && forwarded != "" {
		// An ALB appends the address it saw (Elastic Load Balancing, "X-Forwarded headers").
		c.IP = clean(forwarded[strings.LastIndexByte(forwarded, ',')+1:], 64)
	}
	c.IP = clean(c.IP, 64)
	d.principal(dc, rc, identity)
	rec := dc.first(dc.child(0, "Records"))
	c.SourceARN = clean(firstOf(dc.text(dc.child(rec, "eventSourceARN")), dc.text(dc.child(rec, "EventSubscriptionArn")),
		dc.text(dc.child(0, "eventSourceArn")), dc.text(dc.child(0, "deliveryStreamArn"))), 256)
}

func (d *decoder) forwarded(dc *document) string {
	out := ""
	for i := range d.ev.Leaves {
		if l := &d.ev.Leaves[i]; strings.EqualFold(l.Name, "x-forwarded-for") && d.ev.HTTP != nil {
			out = l.Value
		}
	}
	return out
}

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
