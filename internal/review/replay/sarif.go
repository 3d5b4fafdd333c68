package replay

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
)

// The part of SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format)
// that is written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Columns string        `json:"columnKind"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string       `json:"id"`
		Short   sarifMessage `json:"shortDescription"`
		HelpURI string       `json:"helpUri,omitempty"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifMessage      `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   sarifProperties   `json:"properties"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifProperties struct {
		Change  string   `json:"change"`
		Event   string   `json:"event"`
		Trigger string   `json:"trigger"`
		Route   string   `json:"route,omitempty"`
		Old     string   `json:"old"`
		New     string   `json:"new"`
		Where   []string `json:"where"`
	}
)

// SARIF writes a result for each change and each rule that makes it: an error
// for what is newly refused, a warning for what is no longer, a note for the
// rest. link is where a rule is documented.
func (r *Result) SARIF(w io.Writer, version string, link func(rule int) string) error {
	run := sarifRun{Columns: "unicodeCodePoints", Results: []sarifResult{}, Tool: sarifTool{sarifDriver{
		Name: "merlon replay", Version: version, InformationURI: "https://github.com/merlon-security/merlon", Rules: []sarifRule{},
	}}}
	levels := [...]string{Same: "none", Refused: "error", Passed: "warning", Altered: "note"}
	for i := range r.Changes {
		c := &r.Changes[i]
		because := c.Because()
		if len(because) == 0 { // a limit, a fault
			because = []Rule{{Text: "not about a rule"}}
		}
		for _, rule := range because {
			result := sarifResult{
				RuleID: ruleID(rule.ID), RuleIndex: run.Tool.Driver.index(rule, link), Level: levels[c.Kind()], Message: sarifMessage{c.Message()},
				Locations:    []sarifLocation{{sarifPhysical{sarifArtifact{uri(c.File)}, sarifRegion{c.Line}}}},
				Fingerprints: map[string]string{"event/v1": c.ID + "/" + ruleID(rule.ID) + "/" + c.Kind().Word()},
				Properties: sarifProperties{
					Change: c.Kind().Word(), Event: c.ID, Trigger: c.Trigger, Route: c.Route, Old: c.Old.Action.String(), New: c.New.Action.String(),
					Where: append([]string{}, rule.Where...),
				},
			}
			run.Results = append(run.Results, result)
		}
	}
	enc := json.NewEncoder(w) // which escapes <, > and &
	enc.SetIndent("", " ")
	return enc.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func ruleID(id int) string {
	if id == 0 {
		return "merlon"
	}
	return strconv.Itoa(id)
}

// index is the place of a rule in the list, to which it is added once.
func (d *sarifDriver) index(r Rule, link func(int) string) int {
	id := ruleID(r.ID)
	if i := slices.IndexFunc(d.Rules, func(s sarifRule) bool { return s.ID == id }); i >= 0 {
		return i
	}
	s := sarifRule{ID: id, Short: sarifMessage{r.Text}}
	if r.ID != 0 {
		s.HelpURI = link(r.ID)
	}
	if s.Short.Text == "" {
		s.Short.Text = "rule " + id
	}
	d.Rules = append(d.Rules, s)
	return len(d.Rules) - 1
}

// uri is a file as SARIF names it: relative, with slashes, and escaped.
func uri(file string) string {
	u := url.URL{Path: filepath.ToSlash(file)}
	return u.String()
}
