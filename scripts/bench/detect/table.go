package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// hard are the benign classes whose texts were chosen to be mistaken: code in
// posts, sentences made to provoke, odd strings.
var hard = map[string]bool{"benign-code": true, "benign-prose-tricky": true, "benign-naughty": true}

// ours reports whether a payload was written for this project.
func ours(r *row) bool { return strings.HasPrefix(r.source, "own") }

// count is how many of the rows that fit an engine called an attack.
type count struct{ said, of int }

func tally(rows []row, engine int, fits func(*row) bool) (c count) {
	for i := range rows {
		if fits(&rows[i]) {
			c.of++
			if rows[i].said[engine] {
				c.said++
			}
		}
	}
	return c
}

func (c count) percent(digits int) string {
	if c.of == 0 {
		return ""
	}
	return fmt.Sprintf("%.*f", digits, 100*float64(c.said)/float64(c.of))
}

// write prints all tables.
func write(w io.Writer, engines []contestant, rows []row) {
	corpus := func(fits func(*row) bool) func(*row) bool {
		return func(r *row) bool { return r.vector == "" && fits(r) }
	}
	overview(w, engines, rows, corpus)
	attack := corpus(func(r *row) bool { return r.attack })
	benign := corpus(func(r *row) bool { return !r.attack })
	byKey(w, "Attacks found, by class (%)", "class", 1, engines, rows, attack, func(r *row) string { return r.class })
	byKey(w, "Attacks found, by placement (%)", "placement", 1, engines, rows, attack, func(r *row) string { return r.placement })
	byKey(w, "Benign events refused, by class (%)", "class", 2, engines, rows, benign, func(r *row) string { return r.class })
	matrix(w, rows, attack)
	families(w, engines, rows)
}

func overview(w io.Writer, engines []contestant, rows []row, corpus func(func(*row) bool) func(*row) bool) {
	lines := []struct {
		title  string
		digits int
		fits   func(*row) bool
	}{
		{"attacks found", 1, corpus(func(r *row) bool { return r.attack })},
		{"– in HTTP events", 1, corpus(func(r *row) bool { return r.attack && r.http })},
		{"– in other events", 1, corpus(func(r *row) bool { return r.attack && !r.http })},
		{"– with third-party payloads", 1, corpus(func(r *row) bool { return r.attack && !ours(r) })},
		{"typical benign events refused", 2, corpus(func(r *row) bool { return !r.attack && !hard[r.class] })},
		{"hard benign events refused", 2, corpus(func(r *row) bool { return !r.attack && hard[r.class] })},
		{"all benign events refused", 2, corpus(func(r *row) bool { return !r.attack })},
		{"events of the benign suite refused", 2, func(r *row) bool { return r.vector != "" }},
	}
	head(w, "Overview (%)", "", "events", engines)
	for _, l := range lines {
		rates(w, l.title, l.digits, engines, rows, l.fits)
	}
}

// byKey prints a line for each value of a key.
func byKey(w io.Writer, title, key string, digits int, engines []contestant, rows []row, fits func(*row) bool, of func(*row) string) {
	head(w, title, key, "events", engines)
	for _, k := range values(rows, fits, of) {
		rates(w, k, digits, engines, rows, func(r *row) bool { return fits(r) && of(r) == k })
	}
}

// rates prints how many rows fit, and the share of them that each engine calls
// an attack.
func rates(w io.Writer, title string, digits int, engines []contestant, rows []row, fits func(*row) bool) {
	cells := []string{title, thousands(tally(rows, 0, fits).of)}
	for e := range engines {
		cells = append(cells, tally(rows, e, fits).percent(digits))
	}
	line(w, cells)
}

// head begins a table: a title, what its lines are named by, what they count,
// and a column for each engine.
func head(w io.Writer, title, key, counted string, engines []contestant) {
	fmt.Fprintf(w, "\n### %s\n\n", title)
	cells := []string{key, counted}
	for _, e := range engines {
		cells = append(cells, e.title)
	}
	line(w, cells)
	line(w, slices.Repeat([]string{"---"}, len(cells)))
}

func line(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

func values(rows []row, fits func(*row) bool, of func(*row) string) []string {
	set := map[string]bool{}
	for i := range rows {
		if fits(&rows[i]) {
			set[of(&rows[i])] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// matrix prints what Merlon finds, classes across placements.
func matrix(w io.Writer, rows []row, attack func(*row) bool) {
	classes := values(rows, attack, func(r *row) string { return r.class })
	fmt.Fprintf(w, "\n### Attacks found by Merlon, by class and placement (%%)\n\n")
	line(w, append([]string{"placement"}, classes...))
	line(w, slices.Repeat([]string{"---"}, len(classes)+1))
	for _, p := range values(rows, attack, func(r *row) string { return r.placement }) {
		cells := []string{p}
		for _, c := range classes {
			cells = append(cells, tally(rows, 0, func(r *row) bool { return attack(r) && r.class == c && r.placement == p }).percent(0))
		}
		line(w, cells)
	}
}

// families prints how many messages of the benign suite are refused by at least
// one of their carriers.
func families(w io.Writer, engines []contestant, rows []row) {
	type refusals [4]map[string]bool
	all, refused := map[string]map[string]bool{}, map[string]*refusals{}
	for i := range rows {
		r := &rows[i]
		if r.vector == "" {
			continue
		}
		if all[r.class] == nil {
			all[r.class], refused[r.class] = map[string]bool{}, &refusals{{}, {}, {}, {}}
		}
		all[r.class][r.vector] = true
		for e := range engines {
			if r.said[e] {
				refused[r.class][e][r.vector] = true
			}
		}
	}
	head(w, "Messages of the benign suite refused, by family", "family", "messages", engines)
	total, sums := 0, make([]int, len(engines))
	for _, f := range slices.Sorted(maps.Keys(all)) {
		cells := []string{f, thousands(len(all[f]))}
		total += len(all[f])
		for e := range engines {
			sums[e] += len(refused[f][e])
			cells = append(cells, thousands(len(refused[f][e])))
		}
		line(w, cells)
	}
	cells := []string{"**all**", thousands(total)}
	for _, n := range sums {
		cells = append(cells, thousands(n))
	}
	line(w, cells)
	fmt.Fprintln(w)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
