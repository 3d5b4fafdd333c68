package report

import (
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/verdict"
)

// maxLine bounds a line. Lambda cuts longer ones at 256 KB, CloudWatch at 1 MB;
// this is what a reader can still use.
const maxLine = 16 << 10

// maxText bounds the texts of a line that has to be shortened.
const maxText = 1 << 10

// encode makes the line of a record, leaving out matches until it fits, then
// whatever else may be long. What is left out is named.
func encode(rec *verdict.Record) []byte {
	for {
		line := marshal(rec)
		if len(line)+verdict.SealBytes <= maxLine || !shorten(rec) {
			return line
		}
	}
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bug: a line holds nothing that cannot be marshalled: " + err.Error())
	}
	return b
}

// shorten takes one thing out of a record; false if there is nothing left.
func shorten(rec *verdict.Record) bool {
	drop := func(field string) {
		if !slices.Contains(rec.Dropped, field) {
			rec.Dropped = append(slices.Clip(rec.Dropped), field)
		}
	}
	switch {
	case len(rec.Matches) > 0:
		rec.Matches = rec.Matches[:len(rec.Matches)-1]
		drop("matches")
	case len(rec.ConfigFaults) > 0:
		rec.ConfigFaults = nil
		drop("configFaults")
	case len(rec.Limits) > 8:
		rec.Limits = rec.Limits[:8]
		drop("limits")
	case len(rec.Removed) > 0:
		rec.Removed = nil
		drop("removed")
	default:
		return slices.ContainsFunc([]string{"message", "error", "requestId", "http.route", "function.name", "function.arn"}, func(field string) bool {
			at := texts(rec)[field]
			if at == nil || len(*at) <= maxText {
				return false
			}
			*at = clip(*at)
			drop(field)
			return true
		})
	}
	return true
}

// texts are the members of a record that nothing else bounds.
func texts(rec *verdict.Record) map[string]*string {
	m := map[string]*string{
		"message": &rec.Message, "error": &rec.Error, "requestId": &rec.RequestID,
		"function.name": &rec.Function.Name, "function.arn": &rec.Function.ARN,
	}
	if rec.HTTP != nil {
		m["http.route"] = &rec.HTTP.Route
	}
	return m
}

// clip cuts a text between two characters.
func clip(s string) string {
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
