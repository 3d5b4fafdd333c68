package screen_test

import (
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
)

func TestClassesOfTheCoreRuleSet(t *testing.T) {
	for level := 1; level <= 4; level++ {
		p := compileCRS(t, level)
		count := map[screen.Class]int{}
		for _, c := range p.Classes() {
			count[c]++
		}
		t.Logf("level %d: %v", level, count)
		for _, reason := range p.Reasons() {
			t.Errorf("level %d: %s", level, reason)
		}
		if count[screen.Value] < 100 || count[screen.Head] < 25 {
			t.Errorf("level %d: %v, want at least 100 value rules and 25 head rules", level, count)
		}
	}
}

// browser is a benign request.
func browser() *screen.Input {
	return &screen.Input{
		HasHead: true, Method: "GET", URI: "/items/42?page=2&sort=name", Protocol: "HTTP/1.1", RemoteAddr: "192.0.2.7",
		Headers: []screen.Header{
			{Name: "Host", Value: "shop.example.com"},
			{Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
			{Name: "Accept", Value: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
			{Name: "Accept-Encoding", Value: "gzip, deflate, br"},
			{Name: "Cookie", Value: "session=0f3a9c; theme=dark"},
		},
	}
}

func TestBenignGet(t *testing.T) {
	in := browser()
	p := compileCRS(t, 1)
	got := p.Scan(p.NewScratch(), in)
	want := findings(runStock(t, in, nil), compileCRS(t, 4).Classes(), 1)
	if !got.Clean || len(want) > 0 {
		t.Errorf("Scan(benign GET) = %+v, stock %v, want clean", got, want)
	}
}
