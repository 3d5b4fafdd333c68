package seclang

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// settings are the directives of the engine that leave the rules as they are.
var settings = map[string]bool{
	"secargumentseparator": true, "secargumentslimit": true, "secauditengine": true, "secauditlog": true,
	"secauditlogdirmode": true, "secauditlogfilemode": true, "secauditlogformat": true, "secauditlogparts": true,
	"secauditlogrelevantstatus": true, "secauditlogstoragedir": true, "secauditlogtype": true,
	"seccollectiontimeout": true, "seccomponentsignature": true, "secdatadir": true, "secdebuglog": true,
	"secdebugloglevel": true, "secrequestbodyaccess": true, "secrequestbodyinmemorylimit": true,
	"secrequestbodyjsondepthlimit": true, "secrequestbodylimit": true, "secrequestbodylimitaction": true,
	"secrequestbodynofileslimit": true, "secresponsebodyaccess": true, "secresponsebodyjsondepthlimit": true,
	"secresponsebodylimit": true, "secresponsebodylimitaction": true, "secresponsebodymimetype": true,
	"secresponsebodymimetypesclear": true, "secruleengine": true, "secrxprefilter": true, "secsensorid": true,
	"secserversignature": true, "secuploaddir": true, "secuploadfilelimit": true, "secuploadfilemode": true,
	"secuploadkeepfiles": true, "secwebappid": true,
}

// inertDefaults are the actions a SecDefaultAction may hand to every rule
// without changing what the rule matches or leaves behind.
var inertDefaults = map[string]bool{
	"phase": true, "log": true, "nolog": true, "auditlog": true, "noauditlog": true,
	"pass": true, "deny": true, "block": true, "drop": true, "status": true,
}

func (c *config) defaultAction(d *directive) error {
	actions, err := splitActions(unquote(strings.TrimSpace(d.rest)))
	if err != nil {
		return err
	}
	for _, a := range actions {
		if !inertDefaults[a.Name] {
			return fmt.Errorf("action %s as a default changes every rule: write it in the rules", a.Name)
		}
	}
	return nil
}

func (c *config) removeByID(d *directive) error {
	fields := strings.Fields(unquote(strings.TrimSpace(d.rest)))
	if len(fields) == 0 {
		return errors.New("want ids or ranges")
	}
	for _, f := range fields {
		first, last, err := parseRange(f)
		if err != nil {
			return err
		}
		c.remove(func(r *Rule) bool { return r.ID >= first && r.ID <= last })
	}
	return nil
}

func (c *config) removeByTag(d *directive) error {
	tag := unquote(strings.TrimSpace(d.rest))
	c.remove(func(r *Rule) bool { return slices.Contains(r.Tags, tag) })
	return nil
}

func (c *config) removeByMsg(d *directive) error {
	msg := unquote(strings.TrimSpace(d.rest))
	c.remove(func(r *Rule) bool { return r.Msg == msg })
	return nil
}

// remove deletes rules; their ids become free, as in Coraza.
func (c *config) remove(drop func(*Rule) bool) {
	c.rules = slices.DeleteFunc(c.rules, func(r Rule) bool {
		gone := r.Marker == "" && drop(&r)
		if gone {
			delete(c.seen, r.ID)
		}
		return gone
	})
}

// updateTargetByID takes one id or range: of several ids Coraza 3.8.1 applies the first alone.
func (c *config) updateTargetByID(d *directive) error {
	fields := strings.Fields(d.rest)
	if len(fields) != 2 {
		return errors.New(`want one id or range and "VARIABLES": write one directive per id`)
	}
	first, last, err := parseRange(fields[0])
	if err != nil {
		return err
	}
	n, err := c.updateTargets(fields[1], func(r *Rule) bool { return r.ID >= first && r.ID <= last })
	if err == nil && n == 0 && first == last {
		err = fmt.Errorf("rule %d is not loaded: remove the directive, or place it behind the rule", first)
	}
	return err
}

func (c *config) updateTargetByTag(d *directive) error {
	tag, vars, ok := strings.Cut(strings.TrimSpace(d.rest), " ")
	if !ok {
		return errors.New(`want a tag and "VARIABLES"`)
	}
	tag = unquote(tag)
	_, err := c.updateTargets(vars, func(r *Rule) bool { return slices.Contains(r.Tags, tag) })
	return err
}

func (c *config) updateTargets(vars string, chosen func(*Rule) bool) (n int, err error) {
	vars = strings.Trim(strings.TrimSpace(vars), `"`)
	for i := range c.rules {
		r := &c.rules[i]
		if r.Marker != "" || !chosen(r) {
			continue
		}
		n++
		if r.Variables, err = parseVariables(r.Variables, vars); err != nil {
			return n, err
		}
	}
	return n, nil
}

// parseRange reads 942100 or 942100-942199.
func parseRange(s string) (first, last int, err error) {
	a, b, isRange := strings.Cut(s, "-")
	if first, err = strconv.Atoi(a); err != nil {
		return 0, 0, fmt.Errorf("%q: want an id or a range", clip(s))
	}
	if !isRange {
		return first, first, nil
	}
	if last, err = strconv.Atoi(b); err != nil || last < first {
		return 0, 0, fmt.Errorf("%q: want a range with its lower end first", clip(s))
	}
	return first, last, nil
}
