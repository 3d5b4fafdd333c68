// Package result is what a benchmark run says: a JSON document for programs and
// tables for people.
package result

// Results is the whole of build/bench.json.
type Results struct {
	Date    string  `json:"date"`
	Commit  string  `json:"commit"`
	Machine Machine `json:"machine"`
	Quick   bool    `json:"quick"`

	Events      []Event  `json:"events"`
	Init        []Init   `json:"init"`
	Relay       []Relay  `json:"relay"`
	Cold        []Cold   `json:"cold"`
	Growth      []Point  `json:"growth"`
	Adversarial []Point  `json:"adversarial"`
	Sizes       []Size   `json:"sizes"`
	Notes       []string `json:"notes,omitempty"`
}

// Machine is where and under what load a run was made.
type Machine struct {
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	LoadBefore string `json:"load_before"`
	LoadAfter  string `json:"load_after"`
}

// Event is the cost of one event to one engine.
type Event struct {
	Event      string  `json:"event"`
	Engine     string  `json:"engine"`
	CPU        float64 `json:"cpu_us"` // median over the rounds
	Allocs     float64 `json:"allocs"`
	AllocBytes float64 `json:"alloc_bytes"`
	Low        float64 `json:"cpu_us_low"` // lowest and highest round
	High       float64 `json:"cpu_us_high"`
	Runs       int     `json:"runs"`
	// Found is the share of the event's variants in which the engine found an attack.
	Found float64 `json:"found"`
	// Partial is the share of which the engine looked at only a part.
	Partial float64 `json:"partial"`
}

// Init is the start of an engine in a process of its own.
type Init struct {
	Engine    string  `json:"engine"`
	CPU       float64 `json:"cpu_ms"`        // from exec to ready; merlon: to its registration
	UsableCPU float64 `json:"usable_cpu_ms"` // to all rules being usable; merlon: to its first poll
	RSS       float64 `json:"rss_mb"`        // then
	// FirstCPU is the time from there to the answer to a first event that is an attack.
	FirstCPU float64 `json:"first_candidate_cpu_ms,omitempty"`
	WallMs   float64 `json:"wall_ms"`
	UsableMs float64 `json:"usable_wall_ms"`
	BusyRSS  float64 `json:"rss_after_1000_events_mb,omitempty"`
	PeakRSS  float64 `json:"rss_peak_mb,omitempty"`
	Runs     int     `json:"runs"`
}

// Relay is the time of one invocation, from the service writing the event to
// its having read the reply.
type Relay struct {
	Event     string  `json:"event"`
	Direct    float64 `json:"direct_p50_us"`
	Merlon    float64 `json:"merlon_p50_us"` // through the extension, inspection on
	Plain     float64 `json:"relay_p50_us"`  // through the relay alone
	DirectP99 float64 `json:"direct_p99_us"`
	MerlonP99 float64 `json:"merlon_p99_us"`
	PlainP99  float64 `json:"relay_p99_us"`
}

// Cold is the wall time of one event in a row of them, and after a pause with
// the processor's caches full of something else; medians.
type Cold struct {
	Event  string  `json:"event"`
	Engine string  `json:"engine"`
	Hot    float64 `json:"hot_p50_us"`
	Cold   float64 `json:"cold_p50_us"`
}

// Point is one point of a growth curve.
type Point struct {
	Series  string  `json:"series"`
	Engine  string  `json:"engine"`
	Size    int     `json:"size"`
	Unit    string  `json:"unit"`
	CPU     float64 `json:"cpu_us"`
	PerUnit float64 `json:"cpu_us_per_unit"`
	Found   bool    `json:"found"`
	Partial bool    `json:"partial"`
}

// Size is the size of something shipped.
type Size struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}
