package event_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTablesShowTheirCells(t *testing.T) {
	t.Parallel()
	cell := func(column, value string) string { return fmt.Sprintf("argument x.%s %s=%s", column, column, value) }
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"doubled quotes":    {"id,note\n1,\"x' OR \"\"1\"\"=\"\"1\"\n", []string{cell("note", `x' OR "1"="1`)}},
		"the start counts":  {"id,url\n1,file:///etc/passwd\n2,https://a.example/\n", []string{cell("url", "file:///etc/passwd"), cell("url", "https://a.example/")}},
		"a line end inside": {"a;b\r\n1;\"<b\n>\"\r\n", []string{cell("b", "<b\n>")}},
		"tabs":              {"a\tb\n1\t$(id)", []string{cell("b", "$(id)")}},
		"JSON in a cell":    {"id,doc\n1,\"{\"\"a\"\":\"\"<b>\"\"}\"\n", []string{"argument x.doc.a a=<b>"}},
		"quotes that stay":  {"a,b\n5\" pipe (x),\"y\" z!\n", []string{cell("a", `5" pipe (x)`), cell("b", "y z!")}},
		"never closed":      {"a,b\n1,\"<b>\n2,c\n", []string{cell("b", `"<b>`)}},
	} {
		ev := decode(encodeJSON(map[string]any{"x": tt.text}))
		wantLeaves(t, ev, append(tt.want, "argument x x="+tt.text)...)
		if len(ev.Limits) > 0 {
			t.Errorf("%s: limits %v", name, ev.Limits)
		}
	}
	for _, text := range []string{
		"Dear Ann,\nit's fine.\n", "a,b", "a,b\n", "\na,b\nc", "{a,b}\n{c}\n", "one (1), two (2)\nthree (3)\n", "id,name\n1,Ann\n2,Bob\n",
	} {
		if ev := decode(encodeJSON(map[string]any{"x": text})); len(ev.Leaves) != 1 {
			t.Errorf("%q: leaves %q", text, leaves(ev))
		}
	}
	// Many cells are many leaves, within the limit.
	ev := decode(encodeJSON(map[string]any{"x": strings.Repeat("<a>,<b>\n", 300_000)}))
	if n := len(ev.Leaves); n > 410_000 || !slices.Contains(ev.Limits, "leaves") {
		t.Errorf("%d leaves, limits %v", n, ev.Limits)
	}
}
