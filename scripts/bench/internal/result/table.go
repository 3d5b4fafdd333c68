package result

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Print writes one table for each section.
func (r *Results) Print(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%s, commit %s, %d × %s, Linux %s, %s\nload average before %s, after %s\n",
		r.Date, r.Commit, m.Processors, m.CPU, m.Kernel, m.Go, m.LoadBefore, m.LoadAfter)
	for _, n := range r.Notes {
		fmt.Fprintln(w, "note:", n)
	}
	r.printEvents(w)
	r.printInit(w)
	r.printRelay(w)
	r.printCold(w)
	printPoints(w, "Growth, CPU", r.Growth)
	printPoints(w, "Adversarial strings, CPU", r.Adversarial)
	r.printSizes(w)
}

// table starts a section; the function it returns ends it.
func table(w io.Writer, title, head string) (row func(format string, args ...any), end func()) {
	fmt.Fprintf(w, "\n%s\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row = func(format string, args ...any) { fmt.Fprintf(t, format+"\t\n", args...) }
	row("%s", head)
	return row, func() { _ = t.Flush() }
}

func (r *Results) printEvents(w io.Writer) {
	if len(r.Events) == 0 {
		return
	}
	row, end := table(w, "Events: CPU µs per event, median of the rounds; allocations; share of variants with an attack found",
		"event\tmerlon\tcoraza\tlibddwaf\tmerlon/coraza\tmerlon/libddwaf\tallocs m\tc\td\tKB m\tc\td\tfound m\tc\td\tpartial m\tc\td")
	by := map[string]map[string]Event{}
	var names []string
	for _, e := range r.Events {
		if by[e.Event] == nil {
			by[e.Event] = map[string]Event{}
			names = append(names, e.Event)
		}
		by[e.Event][e.Engine] = e
	}
	for _, n := range names {
		m, c, d := by[n]["merlon"], by[n]["coraza"], by[n]["libddwaf"]
		row("%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s", n,
			figure(m.CPU), figure(c.CPU), figure(d.CPU), ratio(m.CPU, c.CPU), ratio(m.CPU, d.CPU), m.Allocs, c.Allocs, d.Allocs,
			m.AllocBytes/1024, c.AllocBytes/1024, d.AllocBytes/1024, share(m.Found), share(c.Found), share(d.Found), share(m.Partial), share(c.Partial), share(d.Partial))
	}
	end()
}

func (r *Results) printInit(w io.Writer) {
	if len(r.Init) == 0 {
		return
	}
	row, end := table(w, "Start: a new process each time, medians. merlon: to its registration, and to its first poll with everything usable",
		"engine\tCPU ms\tusable CPU ms\tfirst attack CPU ms\twall ms\tusable wall ms\tRSS MB\tRSS after 1000 events\tpeak\tCPU /coraza\tusable CPU /coraza\tusable CPU /libddwaf")
	peer := func(name string) Init {
		i := slices.IndexFunc(r.Init, func(x Init) bool { return x.Engine == name })
		if i < 0 {
			return Init{}
		}
		return r.Init[i]
	}
	c, d := peer("coraza"), peer("libddwaf")
	for _, i := range r.Init {
		row("%s\t%.1f\t%.1f\t%s\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t%s", i.Engine, i.CPU, i.UsableCPU, figure(i.FirstCPU), i.WallMs, i.UsableMs, i.RSS, figure(i.BusyRSS), figure(i.PeakRSS),
			ratio(i.CPU, c.UsableCPU), ratio(i.UsableCPU, c.UsableCPU), ratio(i.UsableCPU, d.UsableCPU))
	}
	end()
}

func (r *Results) printRelay(w io.Writer) {
	if len(r.Relay) == 0 {
		return
	}
	row, end := table(w, "Relay: wall µs of one invocation seen from the service", "event\tdirect p50\trelay p50\tmerlon p50\trelay adds\tmerlon adds\tdirect p99\trelay p99\tmerlon p99")
	for _, x := range r.Relay {
		row("%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f", x.Event, x.Direct, x.Plain, x.Merlon, x.Plain-x.Direct, x.Merlon-x.Direct, x.DirectP99, x.PlainP99, x.MerlonP99)
	}
	end()
}

func (r *Results) printCold(w io.Writer) {
	if len(r.Cold) == 0 {
		return
	}
	row, end := table(w, "Cold: wall µs of one event, p50, in a row of them and after a pause with other things in the caches", "event\tengine\tin a row\tcold\tcold/in a row")
	for _, c := range r.Cold {
		row("%s\t%s\t%s\t%s\t%.1f", c.Event, c.Engine, figure(c.Hot), figure(c.Cold), c.Cold/c.Hot)
	}
	end()
}

// printPoints shows a series a line per size, so that a cost per unit that rises
// shows as a column that rises.
func printPoints(w io.Writer, title string, points []Point) {
	if len(points) == 0 {
		return
	}
	row, end := table(w, title, "series\tsize\tmerlon µs\tper unit\tcoraza µs\tper unit\tlibddwaf µs\tmerlon/coraza\tfound m/c/d\tpartial m/c/d")
	type key struct {
		series string
		size   int
	}
	by := map[key]map[string]Point{}
	var keys []key
	for _, p := range points {
		k := key{p.Series, p.Size}
		if by[k] == nil {
			by[k] = map[string]Point{}
			keys = append(keys, k)
		}
		by[k][p.Engine] = p
	}
	for _, k := range keys {
		m, c, d := by[k]["merlon"], by[k]["coraza"], by[k]["libddwaf"]
		row("%s\t%d\t%s\t%.4f\t%s\t%s\t%s\t%s\t%s%s%s\t%s%s%s", k.series, k.size, figure(m.CPU), m.PerUnit, figure(c.CPU), perUnit(c), figure(d.CPU),
			ratio(m.CPU, c.CPU), mark(m.Found), mark(c.Found), mark(d.Found), mark(m.Partial), mark(c.Partial), mark(d.Partial))
	}
	end()
}

func (r *Results) printSizes(w io.Writer) {
	if len(r.Sizes) == 0 {
		return
	}
	row, end := table(w, "Sizes", "file\tMB")
	for _, s := range r.Sizes {
		row("%s\t%.2f", s.Name, float64(s.Bytes)/1e6)
	}
	end()
}

func perUnit(p Point) string {
	if p.CPU == 0 {
		return "–"
	}
	return fmt.Sprintf("%.4f", p.PerUnit)
}

func figure(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v < 1000:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func share(v float64) string { return fmt.Sprintf("%.2f", v) }

func mark(b bool) string {
	if b {
		return "+"
	}
	return "-"
}

func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.4f", a/b)
}
