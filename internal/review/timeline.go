package review

import (
	"strconv"
	"time"
)

// Timeline counts events in equal steps of time.
type Timeline struct {
	Step    time.Duration `json:"stepNs"`
	Buckets []Bucket      `json:"buckets"`
}

// Bucket is one step.
type Bucket struct {
	Start  time.Time `json:"start"`
	Totals Totals    `json:"totals"`
}

// maxBuckets bounds a timeline: as many bars as a page has room for.
const maxBuckets = 96

// steps are what people count time in.
var steps = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// timeline counts entries, which are in the order of time.
func timeline(entries []Entry) Timeline {
	if len(entries) == 0 {
		return Timeline{}
	}
	first, last := entries[0].When().UTC(), entries[len(entries)-1].When().UTC()
	t := Timeline{Step: step(first, last)}
	start := first.Truncate(t.Step)
	t.Buckets = make([]Bucket, last.Sub(start)/t.Step+1)
	for i := range t.Buckets {
		t.Buckets[i].Start = start.Add(time.Duration(i) * t.Step)
	}
	for i := range entries {
		t.Buckets[entries[i].When().Sub(start)/t.Step].Totals.add(&entries[i])
	}
	return t
}

// step is the shortest that gives no more than maxBuckets.
func step(first, last time.Time) time.Duration {
	for _, d := range steps {
		if last.Sub(first.Truncate(d))/d < maxBuckets {
			return d
		}
	}
	d := steps[len(steps)-1]
	for last.Sub(first.Truncate(d))/d >= maxBuckets {
		d *= 2
	}
	return d
}

func ruleKey(id int) string { return strconv.Itoa(id) }
