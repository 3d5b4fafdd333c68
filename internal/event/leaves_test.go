package event_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// The page shows, for a sample of every kind of event, how much of it is
// inspected and where the deepest text was found.
func TestLeavesPageIsCurrent(t *testing.T) {
	const page = "../../docs/TRIGGERS.md"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), "<!-- leaves -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatal("docs/TRIGGERS.md has no marks for the table of leaves")
	}
	want := head + "<!-- leaves -->\n" + leavesTable(t) + "<!-- end -->" + tail
	switch {
	case *update:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case string(data) != want:
		t.Error("docs/TRIGGERS.md is not what the code does: run go test ./internal/event -run TestLeaves -update")
	}
}

func leavesTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| event | source | records | texts and names | the deepest text |\n|---|---|---|---|---|\n")
	all := ownSamples(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		ev := decode(string(all[name]))
		deepest, depth := "", 0
		for i := range ev.Leaves {
			if p := ev.Path(&ev.Leaves[i]); len(p) > depth && !ev.Leaves[i].NameOnly {
				deepest, depth = p.String(), len(p)
			}
		}
		records := "–"
		if ev.Records > 0 {
			records = fmt.Sprint(ev.Records)
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %d | `%s` |\n", name, ev.Source, records, len(ev.Leaves), strings.ReplaceAll(deepest, "|", `\|`))
	}
	return b.String()
}
