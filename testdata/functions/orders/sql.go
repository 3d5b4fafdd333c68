package main

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
)

type token struct {
	kind byte // 'w' word, 's' string, 'n' number, 'o' operator
	text string
}

// scan splits SQL into tokens. Comments end the query or vanish, a string ends
// at its quote: what injections live on.
func scan(sql string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(sql); {
		c := rune(sql[i])
		switch {
		case unicode.IsSpace(c):
			i++
		case strings.HasPrefix(sql[i:], "--") || c == '#':
			end := strings.IndexByte(sql[i:], '\n')
			if end < 0 {
				return tokens, nil
			}
			i += end
		case strings.HasPrefix(sql[i:], "/*"):
			end := strings.Index(sql[i:], "*/")
			if end < 0 {
				return nil, fmt.Errorf("syntax error: comment without end")
			}
			i += end + 2
		case c == '\'':
			text, n, err := scanString(sql[i:])
			if err != nil {
				return nil, err
			}
			tokens, i = append(tokens, token{'s', text}), i+n
		case unicode.IsDigit(c):
			n := spanLength(sql[i:], func(r rune) bool { return unicode.IsDigit(r) || r == '.' })
			tokens, i = append(tokens, token{'n', sql[i : i+n]}), i+n
		case unicode.IsLetter(c) || c == '_':
			n := spanLength(sql[i:], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' })
			tokens, i = append(tokens, token{'w', sql[i : i+n]}), i+n
		default:
			n := 1
			if two := sql[i:min(i+2, len(sql))]; two == "<>" || two == "!=" || two == "<=" || two == ">=" || two == "||" {
				n = 2
			}
			tokens, i = append(tokens, token{'o', sql[i : i+n]}), i+n
		}
	}
	return tokens, nil
}

// scanString reads a literal; a doubled quote stands for one.
func scanString(sql string) (text string, length int, err error) {
	var b strings.Builder
	for i := 1; i < len(sql); i++ {
		if sql[i] != '\'' {
			b.WriteByte(sql[i])
			continue
		}
		if i+1 < len(sql) && sql[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1, nil
	}
	return "", 0, fmt.Errorf("syntax error: unterminated quoted string at or near \"%s\"", sql)
}

func spanLength(s string, in func(rune) bool) int {
	for i, r := range s {
		if !in(r) {
			return i
		}
	}
	return len(s)
}

// expression computes a value from a row; conditions are "1" and "0".
type expression func(row) string

type column struct {
	name  string
	value expression
}

type selection struct {
	columns []column
	source  []row
	where   expression
}

type parser struct {
	tokens []token
	db     *database
	table  *table
}

func (p *parser) peek() token {
	if len(p.tokens) == 0 {
		return token{}
	}
	return p.tokens[0]
}

// accept takes the next token if it is this word or operator.
func (p *parser) accept(text string) bool {
	t := p.peek()
	if t.kind != 's' && strings.EqualFold(t.text, text) {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *parser) unexpected() error {
	return fmt.Errorf("syntax error at or near \"%s\"", p.peek().text)
}

// statement is one or more SELECTs joined by UNION. A second statement after a
// semicolon is not run: the driver sends one.
func (p *parser) statement() ([]selection, error) {
	var selects []selection
	for {
		s, err := p.selection()
		if err != nil {
			return nil, err
		}
		selects = append(selects, s)
		if !p.accept("UNION") {
			break
		}
		p.accept("ALL")
	}
	if len(p.tokens) > 0 && !p.accept(";") {
		return nil, p.unexpected()
	}
	return selects, nil
}

func (p *parser) selection() (selection, error) {
	if !p.accept("SELECT") {
		return selection{}, p.unexpected()
	}
	// The table is needed to know its columns, and comes behind them.
	if err := p.findTable(); err != nil {
		return selection{}, err
	}
	s := selection{source: []row{{}}}
	if p.table != nil {
		s.source = p.table.rows
	}
	for {
		if p.accept("*") {
			for _, name := range p.table.columns {
				s.columns = append(s.columns, column{name, func(r row) string { return r[name] }})
			}
		} else {
			name := p.peek().text
			value, err := p.or()
			if err != nil {
				return s, err
			}
			s.columns = append(s.columns, column{name, value})
		}
		if !p.accept(",") {
			break
		}
	}
	if p.accept("FROM") {
		p.tokens = p.tokens[1:]
	}
	if p.accept("WHERE") {
		where, err := p.or()
		if err != nil {
			return s, err
		}
		s.where = where
	}
	return s, nil
}

func (p *parser) findTable() error {
	p.table = nil
	for i, t := range p.tokens {
		if t.kind == 'w' && strings.EqualFold(t.text, "UNION") {
			break
		}
		if t.kind != 'w' || !strings.EqualFold(t.text, "FROM") {
			continue
		}
		if i+1 == len(p.tokens) {
			return fmt.Errorf("syntax error at end of input")
		}
		name := p.tokens[i+1].text
		if p.table = p.db.tables[strings.ToLower(name)]; p.table == nil {
			return fmt.Errorf("relation \"%s\" does not exist", name)
		}
		return nil
	}
	p.table = &table{}
	return nil
}

func (p *parser) or() (expression, error) {
	left, err := p.and()
	for err == nil && p.accept("OR") {
		var right expression
		a := left
		right, err = p.and()
		left = func(r row) string { return boolean(truth(a(r)) || truth(right(r))) }
	}
	return left, err
}

func (p *parser) and() (expression, error) {
	left, err := p.comparison()
	for err == nil && p.accept("AND") {
		var right expression
		a := left
		right, err = p.comparison()
		left = func(r row) string { return boolean(truth(a(r)) && truth(right(r))) }
	}
	return left, err
}

func (p *parser) comparison() (expression, error) {
	if p.accept("NOT") {
		inner, err := p.comparison()
		return func(r row) string { return boolean(!truth(inner(r))) }, err
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	if p.accept("IS") {
		want := !p.accept("NOT")
		if !p.accept("NULL") {
			return nil, p.unexpected()
		}
		return func(r row) string { return boolean((left(r) == "") == want) }, nil
	}
	for _, operator := range []string{"=", "<>", "!=", "<=", ">=", "<", ">", "LIKE"} {
		if p.accept(operator) {
			right, err := p.operand()
			return func(r row) string { return boolean(compare(operator, left(r), right(r))) }, err
		}
	}
	return left, nil
}

// operand is a literal, a column, or something in parentheses, with || behind.
func (p *parser) operand() (expression, error) {
	left, err := p.atom()
	for err == nil && p.accept("||") {
		var right expression
		a := left
		right, err = p.atom()
		left = func(r row) string { return a(r) + right(r) }
	}
	return left, err
}

func (p *parser) atom() (expression, error) {
	if p.accept("(") {
		inner, err := p.or()
		if err == nil && !p.accept(")") {
			err = p.unexpected()
		}
		return inner, err
	}
	t := p.peek()
	switch t.kind {
	case 's', 'n':
		p.tokens = p.tokens[1:]
		return func(row) string { return t.text }, nil
	case 'w':
		p.tokens = p.tokens[1:]
		switch strings.ToUpper(t.text) {
		case "TRUE":
			return func(row) string { return "1" }, nil
		case "FALSE", "NULL":
			return func(row) string { return "" }, nil
		}
		for _, name := range p.table.columns {
			if strings.EqualFold(name, t.text) {
				return func(r row) string { return r[name] }, nil
			}
		}
		return nil, fmt.Errorf("column \"%s\" does not exist", t.text)
	}
	return nil, p.unexpected()
}

// compare is numeric when both sides are numbers.
func compare(operator, a, b string) bool {
	if operator == "LIKE" {
		pattern := strings.NewReplacer("%", "*", "_", "?").Replace(strings.ToLower(b))
		ok, err := path.Match(pattern, strings.ToLower(a))
		return err == nil && ok
	}
	order := strings.Compare(a, b)
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		order = 0
		if x < y {
			order = -1
		} else if x > y {
			order = 1
		}
	}
	switch operator {
	case "=":
		return order == 0
	case "<>", "!=":
		return order != 0
	case "<":
		return order < 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	default:
		return order >= 0
	}
}

func boolean(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
