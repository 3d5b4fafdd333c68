package main

import (
	"fmt"
	"strconv"
	"sync"
)

// database evaluates a small SQL: SELECT with WHERE (AND, OR, NOT, comparison,
// LIKE, IS NULL, parentheses), UNION, comments and string and number literals.
// That is enough for injected SQL to do what it does elsewhere.
type database struct {
	mu     sync.Mutex
	tables map[string]*table
	nextID int
}

type table struct {
	columns []string
	rows    []row
}

type row map[string]string

func (db *database) insert(name string, values row) string {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.nextID++
	values["id"] = strconv.Itoa(1000 + db.nextID)
	db.tables[name].rows = append(db.tables[name].rows, values)
	return values["id"]
}

// query runs a SELECT. The rows of a UNION are named by the first SELECT, as
// everywhere.
func (db *database) query(sql string) ([]row, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	tokens, err := scan(sql)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, db: db}
	selects, err := p.statement()
	if err != nil {
		return nil, err
	}
	result := []row{}
	seen := map[string]bool{}
	for _, s := range selects {
		if len(s.columns) != len(selects[0].columns) {
			return nil, fmt.Errorf("each UNION query must have the same number of columns")
		}
		for _, source := range s.source {
			if s.where != nil && !truth(s.where(source)) {
				continue
			}
			out := row{}
			key := ""
			for i, column := range s.columns {
				value := column.value(source)
				out[selects[0].columns[i].name] = value
				key += value + "\x00"
			}
			if len(selects) > 1 && seen[key] {
				continue // UNION removes duplicates
			}
			seen[key] = true
			result = append(result, out)
		}
	}
	return result, nil
}

// truth is how a value counts in WHERE: a number other than zero.
func truth(value string) bool {
	n, err := strconv.ParseFloat(value, 64)
	return err == nil && n != 0
}
