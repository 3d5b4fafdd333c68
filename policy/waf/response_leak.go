package waf

import (
	"slices"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/leak"
)

// LeakRule is a rule about secrets, which no pattern could state.
type LeakRule struct {
	ID      int
	Message string
	Tags    []string
}

// leakRules are these rules by kind.
var leakRules = [...]LeakRule{
	leak.Variable:    leakRule(9104100, "Value of a secret environment variable", "cwe/200"),
	leak.Credentials: leakRule(9104101, "AWS credentials of the function", "cwe/522"),
	leak.KeyPair:     leakRule(9104102, "AWS access key with its secret key", "cwe/522"),
	leak.Document:    leakRule(9104103, "Document of a credential endpoint", "cwe/522"),
	leak.PrivateKey:  leakRule(9104104, "Private key", "cwe/321"),
}

func leakRule(id int, message, cwe string) LeakRule {
	return LeakRule{id, message, []string{"merlon/response", "attack-disclosure", cwe}}
}

// LeakRules returns the rules about secrets.
func LeakRules() []LeakRule { return leakRules[:] }

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
			RuleID: rule.ID, Engine: "waf", Message: rule.Message, Severity: types.RuleSeverityCritical.String(),
			Score: severityScores[types.RuleSeverityCritical], Phase: int(types.PhaseResponseBody), Operator: "leak", Record: -1,
			Tags: rule.Tags,
			Path: bodyPath(), Place: verdict.PlaceResponse, Name: m.Name,
		}
		r.score += f.Score
		*found = append(*found, f)
	})
}

func bodyPath() verdict.Path { return verdict.Path{verdict.Key("response"), verdict.Key("body")} }
