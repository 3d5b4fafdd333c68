package waf

import (
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"github.com/merlon-security/merlon/policy/screen/sqli"
)

// injection is @detectSQLi of Coraza 3.8.1, over a detector that gives
// libinjection's answers in linear time.
type injection struct{}

func newInjection(plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	return injection{}, nil
}

// Evaluate implements plugintypes.Operator.
func (injection) Evaluate(tx plugintypes.TransactionState, value string) bool {
	fingerprint, found := sqli.Detect(value)
	if found {
		tx.CaptureField(0, fingerprint)
	}
	return found
}
