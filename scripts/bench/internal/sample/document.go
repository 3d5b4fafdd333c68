package sample

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// The leaves of an order and of one item in it.
const (
	orderLeaves = 16
	itemLeaves  = 6
)

type order struct {
	ID       string      `json:"id"`
	Created  string      `json:"created"`
	Status   string      `json:"status"`
	Channel  string      `json:"channel"`
	Currency string      `json:"currency"`
	Total    json.Number `json:"total"`
	Customer customer    `json:"customer"`
	Ship     ship        `json:"ship"`
	Items    []item      `json:"items"`
	Note     string      `json:"note"`
}

type customer struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Phone string `json:"phone"`
	VIP   bool   `json:"vip"`
}

type ship struct {
	Street  string `json:"street"`
	City    string `json:"city"`
	Zip     string `json:"zip"`
	Country string `json:"country"`
}

type item struct {
	SKU   string      `json:"sku"`
	Name  string      `json:"name"`
	Qty   int         `json:"qty"`
	Price json.Number `json:"price"`
	Gift  bool        `json:"gift"`
	Note  string      `json:"note"`
}

// OrderJSON returns an order of exactly size bytes with the given number of
// leaves, which is 16 and a multiple of 6. What the other values leave of the
// size goes to the notes in equal parts. An attack, if given, is one item's note.
func OrderJSON(seed uint64, leaves, size int, attack string) []byte {
	s := newSource(seed)
	o := s.order((leaves - orderLeaves) / itemLeaves)
	if attack != "" && len(o.Items) > 0 {
		o.Items[len(o.Items)/2].Note = attack
	}
	s.fill(&o, size-len(encode(o)))
	return encode(o)
}

// fill writes notes of room bytes altogether. The texts need no escaping.
func (s source) fill(o *order, room int) {
	notes := []*string{&o.Note}
	for i := range o.Items {
		if o.Items[i].Note == "" {
			notes = append(notes, &o.Items[i].Note)
		}
	}
	for i, n := range notes {
		share := max(0, room) / (len(notes) - i)
		*n = s.text(share)
		room -= share
	}
}

func (s source) order(items int) order {
	first, last := s.pick(firstNames), s.pick(lastNames)
	o := order{
		ID: s.uuid(), Created: s.date(), Status: s.pick(states), Channel: s.pick(channels), Currency: s.pick(currencies), Total: json.Number(s.price()),
		Customer: customer{ID: 10_000 + s.IntN(90_000), Name: first + " " + last, Email: s.email(first, last), Phone: s.phone(), VIP: s.IntN(8) == 0},
		Ship: ship{
			Street: fmt.Sprintf("%s %d", s.pick(streets), 1+s.IntN(200)), City: s.pick(cities),
			Zip: fmt.Sprintf("%05d", s.IntN(100_000)), Country: s.pick(countries),
		},
	}
	for range items {
		o.Items = append(o.Items, item{
			SKU: fmt.Sprintf("%s-%05d", strings.ToUpper(s.hex(2)), s.IntN(100_000)), Name: s.pick(products),
			Qty: 1 + s.IntN(5), Price: json.Number(s.price()), Gift: s.IntN(10) == 0,
		})
	}
	return o
}

// email is made of the letters that addresses commonly have.
func (s source) email(first, last string) string {
	plain := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, first+last)
	return fmt.Sprintf("%s%d@%s.example", plain, s.IntN(100), s.pick([]string{"mail", "post", "inbox"}))
}

// encode writes JSON as most languages do, without Go's escapes for HTML.
func encode(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("bug: a document of plain values cannot be encoded: " + err.Error())
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
