// Package rules holds the rule sets as data: the OWASP Core Rule Set, reduced
// by policy/waf/gen, and Merlon's set-up for Lambda events. It imports nothing
// of the project and decides nothing; policy/waf compiles what it returns.
package rules

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:generate go run ../waf/gen -o .

// Version names the rule set in verdicts.
const Version = "crs-4.25.0"

// The readable sources of the packs, merlon/pack, stay out: packs.conf is made of them.
//
//go:embed crs merlon/*.conf screen
var files embed.FS

// ScreenFile names the program of a part at a paranoia level in this package.
// About responses, levels 3 and 4 have no rules of their own.
func ScreenFile(part Part, level int) string {
	if part == Requests {
		return fmt.Sprintf("screen/pl%d.bin", level)
	}
	return fmt.Sprintf("screen/%s%d.bin", [...]string{Pages: "pages", Errors: "errors"}[part], min(level, 2))
}

// Screen is the program that policy/screen loads for a part of the default rule
// set at a paranoia level. It was compiled from SecLang of the same.
func Screen(part Part, level int) []byte {
	data, err := files.ReadFile(ScreenFile(part, level))
	if err != nil {
		panic("bug: there is a screen for each paranoia level: " + err.Error())
	}
	return data
}

// Set selects a composition of rules.
type Set uint8

// The rule sets.
const (
	// Default is CRS request rules set up for Lambda, and Merlon's packs.
	Default Set = iota
	// CRSOnly is stock CRS with its recommended configuration and nothing of
	// ours: for the rule set's own regression tests.
	CRSOnly
)

// Options fix what is constant for a configuration.
type Options struct {
	Set       Set
	Paranoia  int // 1 to 4
	Threshold int
	// Setup is SecLang that goes before the rules of CRSOnly, as a changed
	// crs-setup.conf would. The regression tests ask for smaller limits.
	Setup string
	// Plain takes CRS's rules as they are written instead of the reduced form,
	// with the same set-up: to compare the two.
	Plain bool
	// Part takes rules about responses instead of those about requests.
	Part Part
}

// Part is what rules look at.
type Part uint8

// The parts. Those about responses are two, because few responses are error
// replies, and most rules are about these.
const (
	Requests Part = iota
	Pages         // rules about any response; of CRSOnly, all about responses
	Errors        // rules about error replies
)

// Data is the file system of the phrase files that @pmFromFile reads.
func Data() fs.FS {
	sub, err := fs.Sub(files, "crs")
	if err != nil {
		panic("bug: the embedded directory crs exists: " + err.Error())
	}
	return sub
}

// SecLang returns the text of a rule set, ready to be parsed in one piece.
func SecLang(o Options) string { return Compose(files, o) }

// Compose is SecLang over other files than the embedded ones: the generator
// composes the rules it is about to embed. It panics if one is missing.
func Compose(fsys fs.FS, o Options) string {
	var b strings.Builder
	add := func(name string) { b.WriteString(read(fsys, name)) }
	if o.Set == CRSOnly {
		add("crs/coraza.conf")
		add("crs/crs-setup.conf")
		b.WriteString(setup(o) + o.Setup)
		if o.Part != Requests {
			b.WriteString(initialisation(read(fsys, "crs/request.conf")))
		} else {
			add("crs/request.conf")
		}
		add("crs/response.conf")
		return b.String()
	}
	if o.Part != Requests {
		add("merlon/response-engine.conf")
		b.WriteString(setup(o))
		b.WriteString(partOf(upTo(o.Paranoia, read(fsys, "crs/lean-response.conf")), o.Part))
		add("merlon/response-overlay.conf")
		b.WriteString(partOf(read(fsys, "merlon/responses.conf"), o.Part))
		return b.String()
	}
	add("merlon/engine.conf")
	b.WriteString(setup(o))
	add("merlon/setup.conf")
	if o.Plain {
		b.WriteString(promote(read(fsys, "crs/request.conf")))
	} else {
		b.WriteString(upTo(o.Paranoia, promote(read(fsys, "crs/lean.conf"))))
	}
	add("merlon/overlay.conf")
	add("merlon/packs.conf")
	return b.String()
}

// StockOperators gives a rule set's text with Coraza's names for the operators
// that policy/waf replaces by its own.
func StockOperators(text string) string {
	return strings.NewReplacer("@merlonRx ", "@rx ", "@merlonPmFromFile ", "@pmFromFile ", "@merlonPm ", "@pm ", "@merlonDetectSQLi", "@detectSQLi").Replace(text)
}

func setup(o Options) string {
	return fmt.Sprintf("SecAction \"id:9000001,phase:1,pass,t:none,nolog,"+
		"setvar:tx.crs_setup_version=4250,setvar:tx.blocking_paranoia_level=%d,setvar:tx.detection_paranoia_level=%d,"+
		"setvar:tx.inbound_anomaly_score_threshold=%d\"\n", o.Paranoia, o.Paranoia, o.Threshold)
}

func read(fsys fs.FS, name string) string {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		panic("bug: rule file is missing: " + err.Error())
	}
	return string(data)
}
