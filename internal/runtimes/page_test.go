package runtimes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pageFile holds the table of what was compared, a section for each client.
const pageFile = "docs/PARITY.md"

// row is what came of a case on either side.
type row struct{ direct, behind string }

// section words the table of a client.
func (c *client) section(rows map[string]row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n| case | direct | behind Merlon |\n|---|---|---|\n", c.title)
	for _, pc := range c.cases {
		r := rows[pc.name]
		fmt.Fprintf(&b, "| %s | %s | %s |\n", pc.name, r.direct, r.behind)
	}
	return b.String()
}

// cutSection finds the client's section on the page.
func (c *client) cutSection(text string) (before, section, after string, found bool) {
	begin, end := "<!-- "+c.name+" -->\n", "<!-- end "+c.name+" -->\n"
	before, rest, ok := strings.Cut(text, begin)
	section, after, ok2 := strings.Cut(rest, end)
	return before + begin, section, end + after, ok && ok2
}

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, pageFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkPage compares what was seen with what the page says, or writes it.
func checkPage(t *testing.T, c *client, rows map[string]row) {
	t.Helper()
	text := readPage(t)
	before, section, after, found := c.cutSection(text)
	if !found {
		t.Fatalf("%s has no section for %q", pageFile, c.name)
	}
	want := c.section(rows)
	if *update {
		if err := os.WriteFile(filepath.Join(root, pageFile), []byte(before+want+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	was, is := strings.Split(section, "\n"), strings.Split(want, "\n")
	for i := range max(len(was), len(is)) {
		if a, b := at(was, i), at(is, i); a != b {
			t.Errorf("%s is out of date; write it with: make test-runtimes UPDATE=1\n page %s\n seen %s", pageFile, a, b)
		}
	}
}

// TestParityPage holds the page to the list of cases, all clients', and to what
// it claims: that the two sides are equal.
func TestParityPage(t *testing.T) {
	text := readPage(t)
	total := 0
	for _, c := range allClients() {
		_, section, _, found := c.cutSection(text)
		if !found {
			t.Errorf("%s has no section for %q", pageFile, c.name)
			continue
		}
		lines := strings.Split(strings.TrimSpace(section), "\n")
		if got, want := len(lines), len(c.cases)+4; got != want {
			t.Errorf("%s: %q has %d lines, want %d", pageFile, c.name, got, want)
			continue
		}
		for i, pc := range c.cases {
			total++
			cells := strings.Split(lines[i+4], " | ")
			if len(cells) != 3 || cells[0] != "| "+pc.name {
				t.Errorf("%s: line %q, want case %q", pageFile, lines[i+4], pc.name)
			} else if cells[1]+" |" != cells[2] || len(cells[1]) < len("success") {
				t.Errorf("%s: %s/%s is not equal on both sides: %q", pageFile, c.name, pc.name, lines[i+4])
			}
		}
	}
	if total < 70 {
		t.Errorf("%d cases, want 70 at least", total)
	}
}
