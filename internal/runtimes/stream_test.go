package runtimes_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// BenchmarkStream times streams of pieces that the function sends one at a
// time, directly and behind the layer in turns: the first byte from the
// invocation on, and each further piece from the moment at which the function
// says that it wrote it. Both clocks are this machine's.
//
//	go test ./internal/runtimes -run '^$' -bench Stream -benchtime 300x -merlon.node "$(scripts/runtimes/install.sh)"
func BenchmarkStream(b *testing.B) {
	for _, c := range clients(b) {
		function, ok := map[string]string{"go": "paced", "node": "index.paced"}[c.name]
		if !ok {
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			sides := []*environment{}
			for _, behind := range []bool{false, true} {
				o := c.options(b, parityCase{function: function}, behind)
				passMerlon(&o, behind)
				sides = append(sides, startKeeping(b, o, 1000))
			}
			first, piece := make([][]time.Duration, 2), make([][]time.Duration, 2)
			for i := range b.N + 20 { // connections and heaps take their shape in the first
				for side, e := range sides {
					p := e.pace(b)
					if i >= 20 {
						first[side], piece[side] = append(first[side], p.first), append(piece[side], p.pieces...)
					}
				}
			}
			reportQuantiles(b, "first", first)
			reportQuantiles(b, "piece", piece)
		})
	}
}

// BenchmarkGap times, at the service, how long it takes from its taking a
// response to the next poll: what Merlon does in between, the reporting of
// verdicts among it, is time in which the environment cannot be invoked. Every
// other event is one that leaves a verdict. MERLON_ variables of this process
// are passed to the side behind Merlon, such as MERLON_TELEMETRY_URL.
func BenchmarkGap(b *testing.B) {
	c := clients(b)[0]
	sides := []*environment{}
	for _, behind := range []bool{false, true} {
		o := c.options(b, parityCase{}, behind)
		passMerlon(&o, behind)
		sides = append(sides, start(b, o))
	}
	for i := range b.N + 20 {
		for _, e := range sides {
			payload := fine
			if i%2 == 1 {
				payload = attack
			}
			if r, err := e.Invoke(b.Context(), emulator.Request{Payload: []byte(payload)}); err != nil || r.Status != emulator.StatusSuccess {
				b.Fatalf("%v %s %s", err, r.Status, r.Payload)
			}
		}
	}
	benign, found := make([][]time.Duration, 2), make([][]time.Duration, 2)
	for side, e := range sides {
		if err := e.Idle(b.Context()); err != nil {
			b.Fatal(err)
		}
		e.close(b)
		gaps := e.gaps()
		if len(gaps) != b.N+20 {
			b.Fatalf("%d gaps, want %d", len(gaps), b.N+20)
		}
		for i, gap := range gaps[20:] {
			if i%2 == 0 {
				benign[side] = append(benign[side], gap)
			} else {
				found[side] = append(found[side], gap)
			}
		}
	}
	reportQuantiles(b, "benign", benign)
	reportQuantiles(b, "attack", found)
}

// gaps are the times from the end of each response to the arrival of the poll
// behind it.
func (e *environment) gaps() (out []time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	polls := 0
	var answered []time.Time
	var asked []time.Time
	for _, c := range e.calls {
		switch {
		case strings.HasSuffix(c.Path, "/response"):
			answered = append(answered, c.Settled)
		case strings.HasSuffix(c.Path, "/invocation/next"):
			if polls++; polls > 1 { // the first belongs to INIT
				asked = append(asked, c.Arrived)
			}
		}
	}
	for i := range min(len(answered), len(asked)) {
		out = append(out, asked[i].Sub(answered[i]))
	}
	return out
}

// passMerlon hands on the MERLON_ variables of this process.
func passMerlon(o *emulator.Options, behind bool) {
	for _, kv := range os.Environ() {
		if name, value, _ := strings.Cut(kv, "="); behind && strings.HasPrefix(name, "MERLON_") {
			o.Function.Env[name] = value
		}
	}
}

// reportQuantiles reports both sides of a measurement.
func reportQuantiles(b *testing.B, what string, sides [][]time.Duration) {
	b.ReportMetric(0, "ns/op") // of both sides and the pauses: says nothing
	for side, name := range []string{"direct", "behind"} {
		list := sides[side]
		if len(list) == 0 {
			continue // the run of one with which the benchmark begins
		}
		slices.Sort(list)
		for _, percent := range []int{50, 99} {
			b.ReportMetric(float64(list[(len(list)-1)*percent/100].Microseconds()), fmt.Sprintf("µs-%s-%s-p%d", name, what, percent))
		}
	}
}

// pace is the time line of one stream at its caller.
type pace struct {
	begun  time.Time
	first  time.Duration
	pieces []time.Duration
	err    error
}

const pacedPieces = 10

// pace takes one stream. Every piece is the time of its writing, Unix
// nanoseconds in 20 bytes.
func (e *environment) pace(b *testing.B) *pace {
	p := &pace{begun: time.Now()}
	r, err := e.Invoke(b.Context(), emulator.Request{Payload: []byte(`{"a":1}`), Stream: func(http.Header) emulator.StreamWriter { return p }})
	if err != nil || p.err != nil || r.Status != emulator.StatusSuccess || len(p.pieces) != pacedPieces-1 {
		b.Fatalf("%d pieces, %v %v %s %s", len(p.pieces)+1, err, p.err, r.Status, r.Payload)
	}
	return p
}

func (p *pace) Flush() {}

func (p *pace) Write(data []byte) (int, error) {
	now := time.Now()
	for rest := data; len(rest) > 0 && p.err == nil; {
		var at int64
		if len(rest) < 20 {
			p.err = fmt.Errorf("a piece of %d bytes", len(rest))
			break
		}
		if _, err := fmt.Sscanf(string(rest[:20]), "%d", &at); err != nil {
			p.err = err
			break
		}
		rest = rest[20:]
		if p.first == 0 {
			p.first = now.Sub(p.begun)
		} else {
			p.pieces = append(p.pieces, now.Sub(time.Unix(0, at)))
		}
	}
	return len(data), nil
}
