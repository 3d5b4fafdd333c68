package sqli

import "strings"

var (
	mergesFirst  = of(keyword, bareword, operator, union, function, expression, tsql, sqlType)
	mergesSecond = mergesFirst | of(logic)
	operand      = of(bareword, number, variable, str)
	typed        = operand | of(sqlType, leftParen, function)
)

// fold reads the text and folds what does not change its meaning, until five
// tokens are left that do not fold or the text ends. It returns how many are left.
func (r *reader) fold() int {
	v := &r.tokens
	more := true
	for {
		if more = r.next(&v[0]); !more {
			return 0 // nothing but comments, signs and parentheses
		}
		if !v[0].kind.in(of(comment, leftParen, sqlType)) && !v[0].unary() {
			break
		}
	}
	var last token // the comment after the last other token
	// Tokens before left are done, those from left to at wait for what follows.
	left, at := 0, 1
	fill := func(n int) bool {
		for more && at <= most && at-left < n {
			if more = r.next(&v[at]); !more {
				break
			}
			if last.kind = none; v[at].kind == comment {
				last = v[at]
			} else {
				at++
			}
		}
		return at-left >= n
	}
	for {
		if at >= most && r.refold() {
			if at > most {
				v[1] = v[most]
				left, at = 1, 2
			} else {
				left, at = 0, 1
			}
		}
		if !more || left >= most {
			left = at
			break
		}
		if !fill(2) {
			left = at
			continue
		}
		if gone, to, ok := foldPair(&v[left], &v[left+1], left); ok {
			if v[left+1].kind == evil && gone < 0 {
				return left + 2
			}
			left, at = to, at-gone
			continue
		} else {
			left = to
		}
		if !fill(3) {
			left = at
			continue
		}
		if gone, ok := foldThree(&v[left], &v[left+1], &v[left+2]); ok {
			left, at = 0, at-gone
			continue
		}
		left++ // it does not fold
	}
	if left < most && last.kind == comment {
		v[left] = last
		left++
	}
	return min(left, most)
}

// refold reports five tokens after which the text is read on as if they were
// none: arithmetic and calls in a list.
func (r *reader) refold() bool {
	k := func(i int) kind { return r.tokens[i].kind }
	switch {
	case k(0) == number && k(1).in(of(operator, comma)) && k(2) == leftParen && k(3) == number && k(4) == rightParen,
		k(0) == bareword && k(1) == operator && k(2) == leftParen && k(3).in(of(bareword, number)) && k(4) == rightParen,
		k(0) == number && k(1) == rightParen && k(2) == comma && k(3) == leftParen && k(4) == number,
		k(0) == bareword && k(1) == rightParen && k(2) == operator && k(3) == leftParen && k(4) == bareword:
		return true
	}
	return false
}

// foldPair folds two tokens. If ok, gone of them are gone and folding goes on at
// to; otherwise a third one is needed, from to on. A negative number gone says
// that there is nothing more to find out.
func foldPair(a, b *token, left int) (gone, to int, ok bool) {
	back := max(left-1, 0)
	switch {
	case a.kind == str && b.kind == str, a.kind == semicolon && b.kind == semicolon:
		return 1, left, true
	case a.kind.in(of(operator, logic)) && (b.unary() || b.kind == sqlType):
		return 1, 0, true
	case a.kind == leftParen && b.unary(), merge(a, b):
		return 1, back, true
	case a.kind == semicolon && b.kind == function && len(b.text) >= 2 && strings.EqualFold(b.text[:2], "IF"):
		b.kind = tsql // a statement there
		return 0, left, true
	case a.kind.in(of(bareword, variable)) && b.kind == leftParen && callable(a.text):
		a.kind = function
		return 0, left, true
	case a.kind == keyword && (strings.EqualFold(a.text, "IN") || strings.EqualFold(a.text, "NOT IN")):
		if a.kind = bareword; b.kind == leftParen {
			a.kind = operator
		}
		return 0, left, true
	case a.kind == operator && (strings.EqualFold(a.text, "LIKE") || strings.EqualFold(a.text, "NOT LIKE")):
		if b.kind == leftParen {
			a.kind = function
		}
	case a.kind == sqlType && b.kind.in(typed):
		*a = *b
		return 1, 0, true
	case a.kind == collate && b.kind == bareword:
		if strings.IndexByte(b.text, '_') >= 0 { // too many names to list
			b.kind = sqlType
			return 0, 0, false
		}
	case a.kind == backslash:
		if b.arithmetic() { // \%1 is 0 % 1 to SQL Server
			a.kind = number
			return 0, 0, true
		}
		*a = *b
		return 1, 0, true
	case a.kind == leftParen && b.kind == leftParen, a.kind == rightParen && b.kind == rightParen, b.kind == rightBrace:
		return 1, 0, true
	case a.kind == leftBrace && b.kind == bareword:
		if b.text == "" { // {``.``.id} and its like: not worth understanding
			b.kind = evil
			return -1, left, true
		}
		return 2, 0, true // {name …}
	}
	return 0, left, false
}

// merge makes one token of two that are a phrase, as in UNION ALL.
func merge(a, b *token) bool {
	n := len(a.text) + 1 + len(b.text)
	if !a.kind.in(mergesFirst) || !b.kind.in(mergesSecond) || n > maxText+1 {
		return false
	}
	var phrase [maxText + 1]byte
	copy(phrase[:], a.text)
	phrase[len(a.text)] = ' '
	copy(phrase[len(a.text)+1:], b.text)
	k, text := find(phrase[:n])
	if k == none {
		return false
	}
	a.set(k, text)
	return true
}

// callable reports names that are functions when a parenthesis follows.
func callable(name string) bool {
	for _, f := range [...]string{
		"USER_ID", "USER_NAME", "DATABASE", "PASSWORD", "USER", "CURRENT_USER", "CURRENT_DATE",
		"CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP",
	} {
		if strings.EqualFold(name, f) {
			return true
		}
	}
	return false
}

// foldThree folds three tokens, gone of which are gone.
func foldThree(a, b, c *token) (gone int, ok bool) {
	switch {
	case a.kind == number && b.kind == operator && c.kind == number,
		a.kind == operator && b.kind != leftParen && c.kind == operator,
		a.kind == logic && c.kind == logic,
		a.kind == variable && b.kind == operator && c.kind.in(of(variable, number, bareword)),
		a.kind.in(of(bareword, number)) && b.kind == operator && c.kind.in(of(number, bareword)),
		a.kind.in(operand) && b.kind == operator && b.text == "::" && c.kind == sqlType,
		a.kind.in(operand) && b.kind == comma && c.kind.in(operand),
		a.kind == bareword && b.kind == dot && c.kind == bareword:
		return 2, true
	case a.kind.in(of(expression, group, comma)) && b.unary() && c.kind == leftParen,
		a.kind.in(of(keyword, expression, group)) && b.unary() && c.kind.in(operand|of(function)):
		*b = *c // SELECT -1
		return 1, true
	case a.kind == comma && b.unary() && c.kind.in(operand):
		*b = *c
		return 3, true // 1, -1 may fold with what is before it
	case a.kind == comma && b.unary() && c.kind == function,
		a.kind == expression && b.kind == dot && c.kind == bareword:
		*b = *c
		return 1, true
	case a.kind == function && b.kind == leftParen && c.kind != rightParen && strings.EqualFold(a.text, "USER"):
		a.kind = bareword // the function has no arguments
	}
	return 0, false
}
