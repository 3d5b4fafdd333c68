package screen

// Input is one transaction, exactly as it would be fed to Coraza.
type Input struct {
	// HasHead tells that Method, URI, Protocol and Headers are those of a real
	// HTTP request. Without it the rules about the request's head (HeadRules)
	// have no object: they are not evaluated here, and Narrow takes them out.
	// What is given to ProcessURI all the same belongs in the fields below, for
	// rules that look at arguments and the target alike.
	HasHead bool

	Method   string
	URI      string // raw request target; its query is parsed as Coraza's ProcessURI does
	Protocol string // for instance HTTP/1.1
	// RemoteAddr is the caller's address, without port.
	RemoteAddr string

	// Headers in order, names as received. An empty name is ignored, as Coraza does.
	Headers []Header

	// Args is every argument the transaction will hold besides those of the URI's query, whoever adds it.
	Args []Arg

	// Body is the content of REQUEST_BODY; REQUEST_BODY_LENGTH is its length if it is not empty.
	Body string

	// Status, ReplyHeaders and Reply are a response, for a program of rules about
	// responses. Reply is the content of RESPONSE_BODY.
	Status       string
	ReplyHeaders []Header
	Reply        string

	// Opaque tells that the transaction carries what the screen does not model
	// (files, multipart parts, XML, an error of a body parser): always to Coraza.
	Opaque bool
}

// Header is one field line of the request.
type Header struct{ Name, Value string }

// Origin tells by which call an argument reaches Coraza, and so in which collections it stands.
type Origin uint8

// The origins of an argument.
const (
	Post  Origin = iota // AddPostRequestArgument: ARGS, ARGS_NAMES, ARGS_POST, ARGS_POST_NAMES
	Query               // AddGetRequestArgument: ARGS, ARGS_NAMES, ARGS_GET, ARGS_GET_NAMES
	Path                // AddPathRequestArgument: ARGS, ARGS_NAMES, ARGS_PATH
)

// Arg is one argument.
type Arg struct {
	Name, Value string
	Origin      Origin
}

// Place tells which part of the Input a hit was found in.
type Place uint8

// The places of a hit.
const (
	InTransaction Place = iota // counts, combined sizes, TX
	InArg                      // value of Args[Index]
	InArgName                  // name of Args[Index]
	InQueryArg                 // an argument of the URI's query, name or value
	InHeader                   // value of Headers[Index]
	InHeaderName               // name of Headers[Index]
	InCookie                   // a cookie, name or value
	InURI                      // the request line or a part of it
	InBody                     // Body
)

// Hit is one rule whose starter matches.
type Hit struct {
	RuleID int
	Place  Place
	// Index of the first element in which the match was found, where Place has one.
	Index int
}

// Result is the answer of one scan.
type Result struct {
	// Clean: no loaded rule can match; Coraza need not be entered.
	Clean bool
	// Always: the transaction or the rule set is beyond the screen; Coraza must run un-narrowed.
	Always bool
	// Hits names every rule that can match, in rule order. It is valid until the next scan with the same Scratch.
	Hits []Hit
	// Args lists the arguments that Coraza has to see, by index; the others change
	// nothing for the rules that Narrow leaves. All is set where every one has to be.
	// Args is valid as long as Hits.
	Args []int32
	All  bool
}
