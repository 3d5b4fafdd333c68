package review

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// pieceRows is how many verdicts are opened together when one is looked at.
const pieceRows = 250

// block is compressed JSON in base64: no byte of it can end the element that it
// stands in.
type block struct {
	ID   string
	Text template.HTML
}

// index holds the columns that a page searches; the names in them are numbers of
// the lists.
type index struct {
	Piece     int      `json:"piece"`
	Outcomes  []string `json:"outcomes"`
	Words     []string `json:"words"`
	Functions []string `json:"functions"`
	Classes   []string `json:"classes"`
	Triggers  []string `json:"triggers"`
	Routes    []string `json:"routes"`
	Sources   []string `json:"sources"`
	Rules     []string `json:"rules"`    // with their message
	RuleKeys  []string `json:"ruleKeys"` // the same rules, by number
	Messages  []string `json:"messages"` // of verdicts without a rule

	ID      []string `json:"id"`
	Request []string `json:"request"`
	Time    []int64  `json:"time"`
	Count   []int    `json:"count"`
	// The first of each kind, and all of them.
	Outcome    []int   `json:"outcome"`
	Function   []int   `json:"function"`
	Class      []int   `json:"class"`
	Trigger    []int   `json:"trigger"`
	Route      []int   `json:"route"`
	Source     []int   `json:"source"`
	Rule       []int   `json:"rule"`
	Message    []int   `json:"message"`
	AllRules   [][]int `json:"allRules"`
	AllClasses [][]int `json:"allClasses"`
}

// names numbers texts in the order of their coming; the empty one is 0.
type names struct {
	list []string
	at   map[string]int
}

func newNames() *names { return &names{list: []string{""}, at: map[string]int{"": 0}} }

func (n *names) of(s string) int {
	i, ok := n.at[s]
	if !ok {
		i = len(n.list)
		n.at[s] = i
		n.list = append(n.list, s)
	}
	return i
}

// pack makes the data of a page.
func pack(l *Log) ([]block, error) {
	blocks := make([]block, 1, 2+len(l.Verdicts)/pieceRows)
	// A list that is nil would be null to the script.
	x := index{Piece: pieceRows, ID: []string{}, Time: []int64{}}
	for o := range Outcome(len(outcomes)) {
		x.Outcomes, x.Words = append(x.Outcomes, o.String()), append(x.Words, o.Word())
	}
	functions, classes, triggers, routes, sources, messages := newNames(), newNames(), newNames(), newNames(), newNames(), newNames()
	rules := newNames()
	x.Rules = []string{""}
	var piece []shown
	flush := func() error {
		b, err := compress("piece-"+strconv.Itoa(len(blocks)-1), piece)
		blocks, piece = append(blocks, b), piece[:0]
		return err
	}
	for i := range l.Verdicts {
		e := &l.Verdicts[i]
		x.ID, x.Request = append(x.ID, e.ID), append(x.Request, e.RequestID)
		x.Time, x.Count = append(x.Time, e.When().UnixMilli()), append(x.Count, e.Count())
		x.Outcome = append(x.Outcome, int(e.Outcome()))
		x.Function = append(x.Function, functions.of(e.Function.Name))
		x.Trigger = append(x.Trigger, triggers.of(e.Trigger.Type))
		x.Route = append(x.Route, routes.of(e.Route()))
		x.Source = append(x.Source, sources.of(e.Sender()))
		ruleNos, classNos := []int{}, []int{}
		for j := range e.Matches {
			m := &e.Matches[j]
			no := rules.of(ruleKey(m.RuleID))
			if no == len(x.Rules) {
				x.Rules = append(x.Rules, fmt.Sprintf("%d %s", m.RuleID, m.Msg))
			}
			ruleNos = appendNewInt(ruleNos, no)
			classNos = appendNewInt(classNos, classes.of(className(m)))
		}
		x.AllRules, x.AllClasses = append(x.AllRules, ruleNos), append(x.AllClasses, classNos)
		x.Rule, x.Class = append(x.Rule, head(ruleNos)), append(x.Class, head(classNos))
		message := ""
		if len(ruleNos) == 0 {
			message = e.Message
		}
		x.Message = append(x.Message, messages.of(message))
		piece = append(piece, show(e))
		if len(piece) == pieceRows || i == len(l.Verdicts)-1 {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	x.Functions, x.Classes, x.Triggers, x.Routes = functions.list, classes.list, triggers.list, routes.list
	x.Sources, x.Messages, x.RuleKeys = sources.list, messages.list, rules.list
	var err error
	blocks[0], err = compress("index", &x)
	return blocks, err
}

func head(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return list[0]
}

func appendNewInt(list []int, n int) []int {
	for _, have := range list {
		if have == n {
			return list
		}
	}
	return append(list, n)
}

func compress(id string, v any) (block, error) {
	var b bytes.Buffer
	text := base64.NewEncoder(base64.StdEncoding, &b)
	z := gzip.NewWriter(text)
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return block{}, fmt.Errorf("pack verdicts: %w", err)
	}
	if err := z.Close(); err != nil {
		return block{}, fmt.Errorf("pack verdicts: %w", err)
	}
	if err := text.Close(); err != nil {
		return block{}, fmt.Errorf("pack verdicts: %w", err)
	}
	return block{ID: id, Text: template.HTML(b.String())}, nil
}

// shown is one verdict as the page opens it: texts only.
type shown struct {
	Message string          `json:"message"`
	Facts   [][2]string     `json:"facts"`
	Caption string          `json:"caption,omitempty"`
	Matches [][5]string     `json:"matches,omitempty"`
	Allow   string          `json:"allow,omitempty"`
	Notes   []string        `json:"notes,omitempty"`
	Record  *verdict.Record `json:"record"`
}

func show(e *Entry) shown {
	s := shown{Message: e.Message, Facts: e.facts(), Record: &e.Record}
	for i := range e.Matches {
		m := &e.Matches[i]
		s.Matches = append(s.Matches, [5]string{
			strconv.Itoa(m.RuleID), className(m) + ": " + m.Msg, strings.TrimSpace(fmt.Sprintf("%s (%s)", where(m), m.Place)),
			strings.TrimSpace(fmt.Sprintf("%s (%s)", m.Evidence.Excerpt, plural(m.Evidence.Bytes, "byte"))), strconv.Itoa(m.Score),
		})
	}
	if len(s.Matches) > 0 {
		s.Caption = "What was found, heaviest first"
		if e.MatchCount > len(s.Matches) {
			s.Caption = fmt.Sprintf("The heaviest %d of %d findings", len(s.Matches), e.MatchCount)
		}
	}
	s.Allow, s.Notes = Allow(e)
	return s
}
