package waf

import (
	"slices"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/leak"
)

// leakRules are the rules about secrets, which no pattern could state: by kind.
var leakRules = [...]struct {
	id      int
	message string
	cwe     string
}{
	leak.Variable:    {9104100, "Value of a secret environment variable", "cwe/200"},
	leak.Credentials: {9104101, "AWS credentials of the function", "cwe/522"},
	leak.KeyPair:     {9104102, "AWS access key with its secret key", "cwe/522"},
	leak.Document:    {9104103, "Document of a credential endpoint", "cwe/522"},
	leak.PrivateKey:  {9104104, "Private key", "cwe/321"},
}

// findLeaks adds the secrets in a window that are not known yet. A finding has no
// value: there is none that may be shown.
func (r *ResponseInspection) findLeaks(text []byte, found *[]verdict.Finding) {
	r.leaks.Find(text, func(m leak.Match) {
		m = leak.Match{Kind: m.Kind, Name: m.Name} // one finding, in however many spellings
		if slices.Contains(r.leaked, m) {
			return
		}
		r.leaked = append(r.leaked, m)
		rule := leakRules[m.Kind]
		f := verdict.Finding{
			RuleID: rule.id, Engine: "waf", Message: rule.message, Severity: types.RuleSeverityCritical.String(),
			Score: severityScores[types.RuleSeverityCritical], Phase: int(types.PhaseResponseBody), Operator: "leak", Record: -1,
			Tags: []string{"merlon/response", "attack-disclosure", rule.cwe},
			Path: bodyPath(), Place: verdict.PlaceResponse, Name: m.Name,
		}
		r.score += f.Score
		*found = append(*found, f)
	})
}

func bodyPath() verdict.Path { return verdict.Path{verdict.Key("response"), verdict.Key("body")} }
