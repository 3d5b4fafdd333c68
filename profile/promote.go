package profile

import (
	"fmt"
	"time"
)

// What a profile must rest on before a person is offered to promote it. A week
// holds the jobs that run once a week; a share of one in a thousand still unseen
// is what alerts can be looked at one by one (Good, "The Population Frequencies
// of Species", 1953).
const (
	MinSamples = 1000
	MinDays    = 7
	MaxUnseen  = 0.001
	MinAlert   = 7 // days in alert before enforce
)

// Readiness is what speaks against a promotion; empty for nothing.
type Readiness struct{ Against []string }

// Ready reports whether nothing does.
func (r Readiness) Ready() bool { return len(r.Against) == 0 }

func (r *Readiness) against(format string, args ...any) {
	r.Against = append(r.Against, fmt.Sprintf(format, args...))
}

// ToAlert says whether a learned profile may begin to alert.
func ToAlert(d *Document) (r Readiness) {
	p := d.Provenance
	if p.Samples < MinSamples {
		r.against("it rests on %d invocations: want %d", p.Samples, MinSamples)
	}
	first, err1 := time.Parse(time.DateOnly, p.First)
	last, err2 := time.Parse(time.DateOnly, p.Last)
	if err1 != nil || err2 != nil {
		r.against("its provenance has no first and last day")
	} else if days := int(last.Sub(first).Hours()/24) + 1; days < MinDays {
		r.against("it was learned on %d days: want %d", days, MinDays)
	}
	if p.Unseen >= MaxUnseen {
		r.against("an estimated %.2f %% of what comes is new: want less than %.2f %%", 100*p.Unseen, 100*MaxUnseen)
	}
	if len(d.Ingress) == 0 {
		r.against("it has no triggers")
	}
	return r
}

// ToEnforce says whether a profile that alerts may begin to refuse: since is when
// it began, departures how many of what it has reported since are not explained.
func ToEnforce(d *Document, since, now time.Time, departures int) (r Readiness) {
	r = ToAlert(d)
	if d.Mode != "alert" {
		r.against("it is in mode %q: it has to alert first", d.Mode)
	}
	if days := int(now.Sub(since).Hours() / 24); days < MinAlert {
		r.against("it has alerted for %d days: want %d", days, MinAlert)
	}
	if departures > 0 {
		r.against("%d departures are not explained: add what is normal to the profile, or find out who sent it", departures)
	}
	return r
}
