// Package coraza is Coraza with the OWASP Core Rule Set as anyone would embed
// them: its recommended settings, rules as they ship, bodies in memory.
package coraza

import (
	"fmt"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

const settings = `
Include @coraza.conf-recommended
SecRuleEngine On
SecRequestBodyInMemoryLimit 13107200
SecResponseBodyAccess Off
SecAuditEngine Off
SecArgumentsLimit 1000
SecDefaultAction "phase:1,log,pass"
SecDefaultAction "phase:2,log,pass"
SecAction "id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=4250,setvar:tx.blocking_paranoia_level=%[1]d,setvar:tx.detection_paranoia_level=%[1]d"
`

// Rules selects the files of the rule set.
type Rules string

// The selections.
const (
	Request Rules = "Include @owasp_crs/REQUEST-*.conf\n" // what an inspection of requests needs
	All     Rules = "Include @owasp_crs/*.conf\n"         // what the rule set's documentation includes
)

// Engine is one compiled rule set.
type Engine struct{ waf coraza.WAF }

// New compiles the rules, for a paranoia level of 1 (the rule set's default) to 4.
func New(r Rules, paranoia int) (*Engine, error) {
	directives := fmt.Sprintf(settings, paranoia) + string(r)
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(directives))
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	return &Engine{waf}, nil
}

// Name implements peer.Engine.
func (*Engine) Name() string { return "coraza" }

// Inspect implements peer.Engine. Events other than HTTP requests are given as
// arguments of a plain request.
func (c *Engine) Inspect(e *sample.Event) (out peer.Outcome, err error) {
	tx := c.waf.NewTransaction()
	defer func() {
		if cerr := tx.Close(); err == nil {
			err = cerr
		}
	}()
	if e.Request != nil {
		head(tx, e.Request)
	} else {
		tx.ProcessConnection("192.0.2.7", 40000, "", 0)
		tx.ProcessURI("/", "POST", "HTTP/1.1")
		tx.AddRequestHeader("host", "localhost")
		tx.AddRequestHeader("content-length", "0")
		for _, a := range e.Args {
			tx.AddPostRequestArgument(a.Name, a.Value)
		}
	}
	if tx.ProcessRequestHeaders() != nil {
		return peer.Outcome{Attack: true}, nil
	}
	if e.Request != nil && len(e.Request.Body) > 0 {
		if it, _, err := tx.WriteRequestBody(e.Request.Body); err != nil || it != nil {
			return peer.Outcome{Attack: it != nil}, err
		}
	}
	it, err := tx.ProcessRequestBody()
	return peer.Outcome{Attack: it != nil, Partial: len(e.Args) > 1000}, err
}

func head(tx types.Transaction, r *sample.Request) {
	tx.ProcessConnection(r.RemoteAddr, 40000, "", 0)
	tx.ProcessURI(r.Target(), r.Method, r.Protocol)
	for _, h := range r.Headers {
		tx.AddRequestHeader(h.Name, h.Value)
	}
}
