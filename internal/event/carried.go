package event

import (
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// carried gives an event the head of the HTTP request that it is about: AppSync
// hands its resolvers the client's headers, S3 Object Lambda and AWS IoT theirs.
// They are no arguments: accept-encoding would be taken for a shell command in
// every request of a browser. (AWS AppSync, "Resolver mapping template context
// reference"; Amazon S3, "Event context format and usage"; AWS IoT Core,
// "Defining your Lambda function".)
func (d *decoder) carried(doc int32) {
	var contexts []int32
	var path []string
	head := HTTP{Method: "GET", Target: "/", Path: "/", Protocol: "HTTP/1.1"}
	switch d.ev.Source {
	case AppSync, AppSyncEvents, AppSyncBatch:
		contexts, path = []int32{0}, []string{"request", "headers"}
		if d.ev.Source == AppSyncBatch {
			contexts = d.records
		}
		head.Method, head.Target, head.Path, head.HasBody = "POST", "/graphql", "/graphql", true
		head.Route = d.ev.docs[doc].field(contexts)
	case S3Object:
		contexts, path = []int32{0}, []string{"userRequest", "headers"}
	case IoT:
		contexts, path = []int32{0}, []string{"protocolData", "http", "headers"}
	default:
		return
	}
	r := &request{doc: doc}
	for _, c := range contexts {
		dc := &d.ev.docs[doc]
		c = dc.down(c, path...)
		if c < 0 || dc.nodes[c].kind != kindObject || !dc.regular(c) {
			continue // inspected as whatever else it is
		}
		d.taken = append(d.taken, c)
		r.headers = dc.pairs(c, r.headers)
		d.container(doc, c, verdict.PlaceArgument, -1)
	}
	if len(d.taken) > 0 {
		r.headers = dedupe(r.headers, strings.ToLower)
		d.ev.HTTP = &head
		d.headerLeaves(r)
	}
}

// field names what an AppSync resolver resolves, as type and field; empty if
// there is none.
func (d *document) field(contexts []int32) string {
	if len(contexts) == 0 {
		return ""
	}
	info := d.child(contexts[0], "info")
	if d.at(info, "fieldName") == "" {
		return ""
	}
	return d.at(info, "parentTypeName") + "." + d.at(info, "fieldName")
}
