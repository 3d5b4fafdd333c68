// Package sample makes the events that engines are compared on. Every event is
// generated from a seed, so that all machines measure the same bytes, and comes
// in as many variants as there are seeds: an engine that remembers what it has
// seen must not look faster than it would be on real traffic, in which names
// come back and values do not.
package sample

// Event is one event in the forms that engines take.
type Event struct {
	// Lambda is the event as a function receives it: a function URL event
	// (payload 2.0) or an SQS event.
	Lambda []byte
	// Request is the HTTP request in it; nil for other events.
	Request *Request
	// Args are the leaves of an event that is no HTTP request, for engines that
	// take arguments.
	Args []Arg
	// Documents are the JSON texts of an event that is no HTTP request, for
	// engines that take decoded trees.
	Documents [][]byte
}

// Request is an HTTP request as a server sees it.
type Request struct {
	Method, Path, Query, Protocol, RemoteAddr string
	// Headers are all headers in order, Cookie included.
	Headers []Header
	Body    []byte
}

// Header is one header field.
type Header struct{ Name, Value string }

// Arg is one leaf.
type Arg struct{ Name, Value string }

// Target is path and query as on a request line.
func (r *Request) Target() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

// Header returns the first value of a header in lower case; empty if there is none.
func (r *Request) Header(name string) string {
	for _, h := range r.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// Kind is one row of the comparison.
type Kind struct {
	Name string
	// Variants is how many different events of the kind are used in turn.
	Variants int
	// Attack is set where every engine has to find something.
	Attack bool
	Make   func(seed uint64) *Event
}

// Kinds are the rows that are generated.
func Kinds() []Kind {
	return []Kind{
		{Name: "get-tiny", Variants: 512, Make: TinyGet},
		{Name: "get-browser", Variants: 512, Make: BrowserGet},
		{Name: "json-1k", Variants: 512, Make: func(s uint64) *Event { return PostJSON(s, OrderJSON(s, 40, 1<<10, "")) }},
		{Name: "json-1k-sqli", Variants: 512, Attack: true, Make: func(s uint64) *Event { return PostJSON(s, OrderJSON(s, 40, 1<<10, Injection)) }},
		{Name: "json-16k", Variants: 64, Make: func(s uint64) *Event { return PostJSON(s, OrderJSON(s, 616, 16<<10, "")) }},
		{Name: "json-256k", Variants: 12, Make: func(s uint64) *Event { return PostJSON(s, OrderJSON(s, 856, 256<<10, "")) }},
		// Lambda's limit of 6 MiB holds for the whole event, in which the body is a
		// quoted string.
		{Name: "json-6m", Variants: 2, Make: func(s uint64) *Event { return PostJSON(s, OrderJSON(s, 904, 6_000_000, "")) }},
		{Name: "sqs-10x1k", Variants: 64, Make: func(s uint64) *Event { return SQS(s, 10) }},
		{Name: "form-1k", Variants: 512, Make: PostForm},
		{Name: "multipart-17k", Variants: 64, Make: PostMultipart},
	}
}

// Injection is the attack in json-1k-sqli.
const Injection = "1' UNION SELECT username, password FROM users--"
