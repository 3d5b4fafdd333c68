package verdict

// SummarySchema names the format of a Summary.
const SummarySchema = "merlon.summary/1"

// Count is what one invocation adds to the counters of its environment: one for
// each, whatever came of it. It holds no text of the event but the address that
// the front end saw and the route's template.
type Count struct {
	Trigger     string
	Route       string // the template; empty if there is none
	Source      string // the address, or the keyed hash of a sender; empty if unknown
	Action      Action
	WouldAction Action
	FailOpen    bool
	OverLimit   bool
	InspectUs   int64
}

// Summary is what an environment did in a window of time: the line that shows
// that it inspects at all, and how much. Its upper-case members are metrics in
// CloudWatch's embedded format, which wants them, and the dimension, at the top.
type Summary struct {
	EMF       *EMF      `json:"_aws,omitempty"`
	Schema    string    `json:"schema"`
	Timestamp Timestamp `json:"timestamp"`
	Level     string    `json:"level"`
	Function  string    `json:"function"`
	Region    string    `json:"region,omitempty"`
	Env       Env       `json:"env"`
	Agent     Version   `json:"agent"`
	Window    Window    `json:"window"`

	Inspected        int     `json:"Inspected"`
	Blocked          int     `json:"Blocked,omitempty"`
	WouldBlock       int     `json:"WouldBlock,omitempty"` // not blocked, but block mode would have
	FailedOpen       int     `json:"FailedOpen,omitempty"`
	OverLimit        int     `json:"OverLimit,omitempty"`
	TelemetryDropped int     `json:"TelemetryDropped,omitempty"`
	InspectUs        []int64 `json:"InspectUs,omitempty"` // a sample

	Triggers []Tally `json:"triggers,omitempty"`
	Routes   []Tally `json:"routes,omitempty"`
	// Sources lists who sent what was refused, or would have been: the addresses
	// of other callers are nobody's business.
	Sources []Tally  `json:"sources,omitempty"`
	More    *Unnamed `json:"more,omitempty"`

	Collapsed int    `json:"collapsed,omitempty"` // verdicts counted in another's line
	Capped    int    `json:"capped,omitempty"`    // verdicts without a line, beyond the limit per minute
	MAC       string `json:"mac,omitempty"`
}

// Window is the time that a Summary covers.
type Window struct {
	Start Timestamp `json:"start"`
	End   Timestamp `json:"end"`
}

// Tally counts the invocations of one trigger, route or source.
type Tally struct {
	Name    string `json:"name"`
	Count   int    `json:"count"`
	Refused int    `json:"refused,omitempty"` // refused, or would have been
}

// Unnamed counts the invocations that found no place in the lists.
type Unnamed struct {
	Triggers int `json:"triggers,omitempty"`
	Routes   int `json:"routes,omitempty"`
	Sources  int `json:"sources,omitempty"`
}

// EMF tells CloudWatch which members of a line are metrics ("Embedded metric
// format specification").
type EMF struct {
	Timestamp int64      `json:"Timestamp"`
	Metrics   []EMFGroup `json:"CloudWatchMetrics"`
}

// EMFGroup is metrics with the same dimensions.
type EMFGroup struct {
	Namespace  string     `json:"Namespace"`
	Dimensions [][]string `json:"Dimensions"`
	Metrics    []EMFUnit  `json:"Metrics"`
}

// EMFUnit is one metric.
type EMFUnit struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}
