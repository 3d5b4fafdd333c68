// Command detect counts what the engines find in labelled events and what they
// refuse of benign ones, and writes the tables of docs/DETECTION.md between the
// marks that stand there.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer/coraza"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer/libddwaf"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer/merlon"
)

const (
	beginMark = "<!-- make detection writes from here -->\n"
	endMark   = "<!-- to here -->\n"
)

func main() {
	corpus := flag.String("corpus", "", "labelled corpus (corpus.jsonl.gz)")
	benign := flag.String("benign", "", "directory of descriptions of benign messages")
	doc := flag.String("doc", "", "document to write the tables into; without one they go to stdout")
	remembered := flag.String("answers", "", "file that keeps the answers of the other engines between runs")
	flag.Parse()
	if err := run(*corpus, *benign, *doc, *remembered); err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(1)
	}
}

func run(corpus, benign, doc, remembered string) error {
	engines, err := contestants()
	if err != nil {
		return err
	}
	rows, err := labelled(corpus)
	if err != nil {
		return err
	}
	own, err := described(benign)
	if err != nil {
		return err
	}
	rows = append(rows, own...)
	known, err := openAnswers(remembered)
	if err != nil {
		return err
	}
	for i := range engines {
		start := time.Now()
		for part := range slices.Chunk(rows, 2000) {
			if err := engines[i].judge(part, i, known); err != nil {
				return err
			}
			if err := known.save(); err != nil {
				return err
			}
		}
		fmt.Fprintf(os.Stderr, "%s: %d events in %v\n", engines[i].title, len(rows), time.Since(start).Round(time.Second))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, commit %s.\n", time.Now().UTC().Format("2006-01-02"), commit())
	write(&b, engines, rows)
	if doc == "" {
		_, err = b.WriteTo(os.Stdout)
		return err
	}
	return replace(doc, b.String())
}

// contestant is an engine under the name the tables give it.
type contestant struct {
	title  string
	engine peer.Engine
	peer   bool // pinned, so that its answers can be remembered
}

// contestants are in the order of the columns.
func contestants() ([]contestant, error) {
	m, err := merlon.New()
	if err != nil {
		return nil, fmt.Errorf("merlon: %w", err)
	}
	out := []contestant{{"Merlon", m, false}}
	for level := 1; level <= 2; level++ {
		c, err := coraza.New(coraza.Request, level)
		if err != nil {
			return nil, fmt.Errorf("coraza: %w", err)
		}
		out = append(out, contestant{fmt.Sprintf("CRS PL%d", level), c, true})
	}
	d, err := libddwaf.New()
	if err != nil {
		return nil, fmt.Errorf("libddwaf: %w", err)
	}
	return append(out, contestant{"libddwaf", d, true}), nil
}

// replace puts the tables between the marks of a document.
func replace(doc, tables string) error {
	text, err := os.ReadFile(doc)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), beginMark)
	_, tail, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%q does not have the marks %q and %q", doc, strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	return os.WriteFile(doc, []byte(head+beginMark+"\n"+tables+endMark+tail), 0o644)
}

// commit names what is measured; a plus says that rules or code differ from it.
func commit() string {
	id, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	plus := ""
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", ":/*.go", ":/*.conf", ":/*.txt").Output(); err != nil || len(changed) > 0 {
		plus = "+"
	}
	return strings.TrimSpace(string(id)) + plus
}
