package waf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/policy/screen"
)

// matches is the outcome of one transaction.
type matches struct {
	rules []types.MatchedRule
	score int
}

// narrower is what the transactions of Coraza 3.8.1 can do beyond their public
// interface: leave out rules for one transaction.
type narrower interface {
	RemoveRuleByIDRange(start, end int)
}

// run evaluates one transaction over in, without the rules in narrow.
func (e *Engine) run(in *screen.Input, narrow [][2]int) (m matches, err error) {
	if err := e.Warm(); err != nil {
		return m, err
	}
	tx := e.open()
	defer e.finish(tx, &err)
	if err := without(tx, narrow); err != nil {
		return m, err
	}
	if err := feed(tx, in); err != nil {
		return m, err
	}
	tx.ProcessRequestHeaders()
	if _, err := tx.ProcessRequestBody(); err != nil {
		return m, fmt.Errorf("evaluate rules: %w", err)
	}
	m.score, err = score(tx)
	m.rules = tx.MatchedRules()
	return m, err
}

// without leaves out ranges of rules.
func without(tx types.Transaction, ranges [][2]int) error {
	n, ok := tx.(narrower)
	if !ok {
		return errors.New("bug: this Coraza's transactions cannot leave out rules")
	}
	for _, r := range ranges {
		n.RemoveRuleByIDRange(r[0], r[1])
	}
	return nil
}

// feed hands over a transaction's input. An event that is no HTTP request has
// no head; Coraza evaluates nothing without one, so it gets a plain one, and
// the rules about heads are left out.
func feed(tx types.Transaction, in *screen.Input) error {
	if in.HasHead {
		tx.ProcessConnection(in.RemoteAddr, 0, "", 0)
	}
	tx.ProcessURI(in.URI, in.Method, in.Protocol)
	for _, h := range in.Headers {
		tx.AddRequestHeader(ownName(h.Name), h.Value)
	}
	st, err := state(tx)
	if err != nil {
		return err
	}
	apart(st.Variables().ArgsGet())
	apart(st.Variables().RequestCookies())
	for _, a := range in.Args {
		name := ownName(a.Name)
		switch a.Origin {
		case screen.Query:
			tx.AddGetRequestArgument(name, a.Value)
		case screen.Path:
			tx.AddPathRequestArgument(name, a.Value)
		default:
			tx.AddPostRequestArgument(name, a.Value)
		}
	}
	return nil
}

// ownName returns a name at an address of its own, the empty name included.
// Coraza 3.8.1 keys its cache of transformed values by the address of the
// argument's name and its position in an order that changes from rule to rule
// (internal/corazawaf/rule.go, transformArg). Elements of one array share a name,
// and what has no name has no address; they would be taken for each other, and
// an attack in one of them be missed on some runs.
func ownName(name string) string { return strings.Clone(name + "=")[:len(name)] }

// apart gives the elements that Coraza read itself names of their own: cookies of
// one name share it, and arguments of a query without a name the empty one.
func apart(c collection.Map) {
	all := c.FindAll()
	if len(all) < 3 {
		return // no order of two names changes the place of two elements of one
	}
	for _, e := range all {
		c.Remove(e.Key())
	}
	for _, e := range all {
		c.Add(ownName(e.Key()), e.Value())
	}
}

// state is what a transaction shows to operators.
func state(tx types.Transaction) (plugintypes.TransactionState, error) {
	st, ok := tx.(plugintypes.TransactionState)
	if !ok {
		return nil, errors.New("bug: this Coraza's transactions do not show their variables")
	}
	return st, nil
}

// score reads the anomaly score over the paranoia levels that count.
func score(tx types.Transaction) (int, error) {
	st, err := state(tx)
	if err != nil {
		return 0, err
	}
	vars := st.Variables().TX()
	total := 0
	for level := 1; level <= 4; level++ {
		for _, v := range vars.Get("inbound_anomaly_score_pl" + strconv.Itoa(level)) {
			n, err := strconv.Atoi(v)
			if err != nil {
				return 0, fmt.Errorf("bug: anomaly score %q is not a number", v)
			}
			total += n
		}
	}
	return total, nil
}
