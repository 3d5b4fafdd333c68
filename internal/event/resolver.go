package event

import (
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// resolver gives an AppSync event the head of the request that it is about: a
// resolver gets its client's headers, and they are no arguments. accept-encoding
// would be taken for a shell command in every request of a browser. (AWS
// AppSync, "Resolver mapping template context reference": request, info.)
func (d *decoder) resolver(doc int32) {
	dc := &d.ev.docs[doc]
	var contexts []int32
	switch d.ev.Source {
	case AppSync, AppSyncEvents:
		contexts = []int32{0}
	case AppSyncBatch:
		contexts = d.records
	default:
		return
	}
	r := &request{doc: doc}
	for _, c := range contexts {
		headers := dc.child(dc.child(c, "request"), "headers")
		if headers < 0 || dc.nodes[headers].kind != kindObject || !dc.regular(headers) {
			continue // inspected as whatever else it is
		}
		d.taken = append(d.taken, headers)
		d.container(doc, headers, verdict.PlaceArgument, -1)
		r.headers = d.ev.docs[doc].pairs(headers, r.headers)
	}
	if len(d.taken) == 0 {
		return
	}
	r.headers = dedupe(r.headers, strings.ToLower)
	d.ev.HTTP = &HTTP{Method: "POST", Target: "/graphql", Path: "/graphql", Protocol: "HTTP/1.1", HasBody: true}
	if info := dc.child(contexts[0], "info"); dc.at(info, "fieldName") != "" {
		d.ev.HTTP.Route = dc.at(info, "parentTypeName") + "." + dc.at(info, "fieldName")
	}
	d.headerLeaves(r)
}
