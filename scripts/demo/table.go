package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table prints rows in aligned columns.
type table struct {
	out  io.Writer
	rows []row
}

func newTable(out io.Writer) *table { return &table{out: out} }

func (t *table) add(r row) { t.rows = append(t.rows, r) }

func (t *table) totals() (blocked, stripped, delivered int) {
	for _, r := range t.rows {
		switch {
		case r.refused:
			blocked++
		case r.attack:
			stripped++
		default:
			delivered++
		}
	}
	return blocked, stripped, delivered
}

func (t *table) print() {
	cells := [][]string{{"#", "", "", "request", "without Merlon", "with Merlon", "verdict", "rules", "where", "time"}}
	for _, r := range t.rows {
		kind := "benign"
		if r.attack {
			kind = "ATTACK"
		}
		mark := "ok"
		if r.fault != "" {
			mark = "FAULT: " + r.fault
		}
		cells = append(cells, []string{fmt.Sprint(r.no), mark, kind, r.request, r.bare, r.guarded, r.verdict, r.rules, r.where, r.took})
	}
	widths := make([]int, 10)
	for _, line := range cells {
		for i, c := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, line := range cells {
		var b strings.Builder
		for i, c := range line {
			b.WriteString(c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
		fmt.Fprintln(t.out, strings.TrimRight(b.String(), " "))
	}
}
