// Package crsgen reduces the OWASP Core Rule Set to the text that Merlon
// embeds. It is used when the rule set is built and in tests; the extension
// never links it.
package crsgen

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

// Generate returns the files of package rules, by their name below it: the
// request and response rules without comments, the data files that their
// operators read, and the licence.
func Generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	entries, err := fs.ReadDir(coreruleset.FS, "@owasp_crs")
	if err != nil {
		return nil, fmt.Errorf("read rule set: %w", err)
	}
	var request, response bytes.Buffer
	for _, e := range entries { // ReadDir sorts by name, which is the order rules load in
		data, err := fs.ReadFile(coreruleset.FS, "@owasp_crs/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read rule set: %w", err)
		}
		switch {
		case strings.HasSuffix(e.Name(), ".data"):
			files["crs/"+e.Name()] = stripData(data)
		case strings.HasPrefix(e.Name(), "REQUEST-"):
			err = reduce(&request, data)
		case strings.HasPrefix(e.Name(), "RESPONSE-"):
			err = reduce(&response, data)
		}
		if err != nil {
			return nil, fmt.Errorf("reduce %s: %w", e.Name(), err)
		}
	}
	files["crs/request.conf"] = request.Bytes()
	files["crs/response.conf"] = response.Bytes()
	lean, err := Lean(request.String())
	if err != nil {
		return nil, fmt.Errorf("reduce rules: %w", err)
	}
	files["crs/lean.conf"] = []byte(lean)
	if lean, err = Lean(leaks(response.String())); err != nil {
		return nil, fmt.Errorf("reduce rules: %w", err)
	}
	files["crs/lean-response.conf"] = []byte(lean)
	for from, to := range map[string]string{
		"@crs-setup.conf.example":  "crs/crs-setup.conf",
		"@coraza.conf-recommended": "crs/coraza.conf",
	} {
		data, err := fs.ReadFile(coreruleset.FS, from)
		if err != nil {
			return nil, fmt.Errorf("read rule set: %w", err)
		}
		var b bytes.Buffer
		if err := reduce(&b, data); err != nil {
			return nil, fmt.Errorf("reduce %s: %w", from, err)
		}
		files[to] = b.Bytes()
	}
	return files, nil
}

// leaks keeps of the rules about responses those that look at one, and leaves out
// the evaluation of scores and the reports behind them: 950 to 956 of 950 to 980.
func leaks(conf string) string {
	head, _, _ := strings.Cut(conf, `SecRule TX:BLOCKING_PARANOIA_LEVEL "@ge 1" "id:959`)
	_, rules, _ := strings.Cut(head, "\n") // the first skips all, if it is told to
	return rules
}

// reduce drops comments and blank lines, and
// joins continued lines.
// A file that ends inside a continued line is an error: it would lose a rule.
func reduce(out *bytes.Buffer, conf []byte) error {
	sc := bufio.NewScanner(bytes.NewReader(conf))
	sc.Buffer(nil, 1<<20)
	joined := ""
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		if joined == "" && (line == "" || strings.HasPrefix(line, "#")) {
			continue
		}
		if rest, more := strings.CutSuffix(line, `\`); more {
			joined += rest
			continue
		}
		out.WriteString(joined + line + "\n")
		joined = ""
	}
	if joined != "" {
		return errors.New("last line is continued")
	}
	return sc.Err()
}

// stripData drops the comments of a phrase file, as @pmFromFile does.
func stripData(data []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		t := bytes.TrimSpace(line)
		if len(t) == 0 || t[0] == '#' {
			continue
		}
		out.Write(bytes.TrimRight(line, "\r\n"))
		out.WriteByte('\n')
	}
	return out.Bytes()
}
