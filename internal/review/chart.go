package review

import (
	"fmt"
	"html/template"
	"strings"
)

// The chart in units of its view box.
const (
	chartWidth, chartHeight = 960, 160
	chartLeft, chartBottom  = 40, 24
)

// chart draws a timeline. It consists of numbers and times of ours, so there is
// nothing in it to escape.
func chart(t *Timeline) template.HTML {
	if len(t.Buckets) == 0 {
		return ""
	}
	highest := 0
	for i := range t.Buckets {
		highest = max(highest, t.Buckets[i].Totals.Events)
	}
	first, last := t.Buckets[0].Start, t.Buckets[len(t.Buckets)-1].Start.Add(t.Step)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="Events in steps of %s from %s to %s UTC, at most %d in one">`,
		chartWidth, chartHeight, short(t.Step), first.Format(clock), last.Format(clock), highest)
	base, top := chartHeight-chartBottom, 12
	width := float64(chartWidth-chartLeft) / float64(len(t.Buckets))
	for i := range t.Buckets {
		y := float64(base)
		for o := range Outcome(len(outcomes)) {
			n := t.Buckets[i].Totals.Of(o)
			if n == 0 {
				continue
			}
			h := max(1, float64(n)/float64(highest)*float64(base-top))
			y -= h
			fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, o.Word(), chartLeft+float64(i)*width, y, min(24, max(.8, width*.86)), h)
		}
	}
	fmt.Fprintf(&b, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`, chartLeft, base, chartWidth, base)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%d</text>`, chartLeft-6, top+4, highest)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">0</text>`, chartLeft-6, base)
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, chartLeft, chartHeight-6, first.Format(clock))
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, chartWidth, chartHeight-6, last.Format(clock))
	b.WriteString("</svg>")
	return template.HTML(b.String())
}
