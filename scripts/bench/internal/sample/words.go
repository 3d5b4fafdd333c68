package sample

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// source makes the values of one event.
type source struct{ *rand.Rand }

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 0x6d65726c6f6e))} }

func (s source) pick(from []string) string { return from[s.IntN(len(from))] }

var (
	firstNames = strings.Fields("Ana Ben Chidi Dana Élodie Farid Greta Hiro Ines Jonas Keiko Liam Mónica Nadia Omar Priya Quinn Rosa Søren Tomás Uma Viktor Wanda Yusuf Zoë")
	lastNames  = strings.Fields("Abara Becker Costa Dubois Eriksen Fischer García Haddad Ivanov Jansen Kowalski López Müller Nguyen O'Brien Patel Quist Rossi Schmidt Tanaka Ueda Varga Weber Yilmaz Zhang")
	cities     = []string{"Torino", "Lyon", "Berlin", "São Paulo", "New York", "Gdańsk", "Porto", "Malmö", "Osaka", "Austin", "Utrecht", "Cork"}
	streets    = []string{"Via Roma", "Rue Victor Hugo", "Lindenstrasse", "High Street", "Calle Mayor", "Kerkstraat", "Station Road", "Elm Avenue"}
	countries  = strings.Fields("IT FR DE BR US PL PT SE JP NL IE ES")
	products   = []string{"Oat milk 1 l", "Rye bread", "Desk lamp, black", "USB-C cable 2 m", "Rain jacket (M)", "Green tea", "A5 notebook", "Olive oil 0.5 l", "Bike bell", "Wool socks 39-42"}
	states     = strings.Fields("open paid shipped delivered returned")
	channels   = strings.Fields("web app phone shop partner")
	currencies = strings.Fields("EUR USD GBP PLN SEK JPY")
	agents     = []string{"okhttp/4.12.0", "axios/1.7.9", "python-requests/2.32.3", "Dart/3.5 (dart:io)", "Apache-HttpClient/5.3.1 (Java/21.0.4)"}
	browsers   = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.4 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:%[1]d.0) Gecko/20100101 Firefox/%[1]d.0",
	}
	// sentences are what people write into forms and tickets. A random order of
	// words would not be that: the Core Rule Set takes many a word after a comma for
	// a command. %d and %s stand for a number and a name.
	sentences = strings.Split(`Please leave the parcel with our neighbour %s on floor %d because nobody is home before six.
The delivery arrived a day late and one corner was dented, but everything inside worked well.
We would like to know whether model %d also comes in blue.
My sister ordered hers in March and she is very happy with it, so I hope mine will be just as good.
Could you send invoice %d to the accounting office again with our new address?
It's the third order we placed here and we're still pleased, although the packaging could be smaller.
Thank you, %s, for the quick answer and for the replacement part.
The colour is a little darker than on the photograph, which doesn't bother us at all.
Our old contract ends in October; the new one should begin on the first of November.
I spoke with %s on the phone and was told that a refund takes %d working days.
The manual is only in English, and my parents would prefer one in Portuguese or Italian.
She rides it to work every day, rain or shine, about %d kilometres in each direction.
They promised a call back on Thursday but I haven't heard anything since.
If the green one is sold out, the grey one will do as well.
You can reach me under the number above between nine and five.
The assembly took us two hours and %d screws were left over, hopefully not the important ones.
Everything fits, the seams are straight and the zip runs smoothly.
This is a present for %s, so please don't put the price on the slip.
We moved in May, and the old address no longer works for parcels.
The café on the ground floor takes deliveries for the whole building, %d flats altogether.
He has used the same brand for %d years and wouldn't change it for anything.
A friend recommended your shop after her holiday in Kraków.
Nobody told us that the lift is too small for the wardrobe; it had to be carried up the stairs.
When it is cold the display reacts slowly, but it has never failed so far.
I'd be glad to get an answer before the weekend, since we leave for Malmö on Sunday.
Our team of %d people tried three products and yours was the most comfortable by far.
That was more than I expected for the price, and the service was friendly.
The label says %d grams, my kitchen scale says a little less.
We keep the box in the cellar in case the device has to be sent in for repair.
Your colleague %s was very patient and explained every step to my father.`, "\n")
)

func (s source) uuid() string {
	a, b := s.Uint64(), s.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

func (s source) hex(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", s.Uint64())
	}
	return b.String()[:n]
}

func (s source) base64(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[s.IntN(64)]
	}
	return string(b)
}

func (s source) date() string {
	return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02dZ", 1+s.IntN(12), 1+s.IntN(28), s.IntN(24), s.IntN(60), s.IntN(60))
}

func (s source) address() string {
	return fmt.Sprintf("%d.%d.%d.%d", 20+s.IntN(170), s.IntN(256), s.IntN(256), 1+s.IntN(254))
}

func (s source) price() string { return fmt.Sprintf("%d.%02d", 1+s.IntN(300), s.IntN(100)) }

func (s source) phone() string {
	return fmt.Sprintf("+%d %d %06d", 30+s.IntN(20), 10+s.IntN(90), s.IntN(1_000_000))
}

// text returns sentences of exactly n bytes.
func (s source) text(n int) string {
	var b strings.Builder
	b.Grow(n + 128)
	for b.Len() < n {
		sentence := strings.ReplaceAll(s.pick(sentences), "%s", s.pick(firstNames))
		b.WriteString(strings.ReplaceAll(sentence, "%d", strconv.Itoa(2+s.IntN(98))))
		b.WriteByte(' ')
	}
	// A character of several bytes at the cut becomes as many of one.
	cut := b.String()[:n]
	whole := strings.ToValidUTF8(cut, "")
	return whole + "....."[:len(cut)-len(whole)]
}
