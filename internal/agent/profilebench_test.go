package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/profile"
	"github.com/merlon-security/merlon/proxy"
)

// BenchmarkProfiles is what a profile adds to decoding, inspecting and deciding on a
// benign event, which off is: comparing, and learning where nothing is new.
func BenchmarkProfiles(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		text := orders(size)
		request, err := json.Marshal(map[string]any{
			"version": "2.0", "rawPath": "/orders", "headers": map[string]string{"content-type": "application/json"}, "body": text[:strings.LastIndex(text, ",{")] + "]",
			"requestContext": map[string]any{"domainName": "x.lambda-url.eu-west-1.on.aws", "http": map[string]string{"method": "POST", "path": "/orders", "sourceIp": "192.0.2.1"}},
		})
		if err != nil {
			b.Fatal(err)
		}
		d := profileOf(b, request)
		l := profile.NewLearner(d, time.Now)
		if news, ok := l.Commit(l.Observe(event.Decode(request, nil, event.DefaultLimits()))); ok {
			b.Fatalf("the event has something new: %+v", news)
		}
		for _, mode := range []config.ProfileMode{config.ProfileOff, config.ProfileAlert, config.ProfileLearn} {
			cfg := config.Default()
			p := policy.Default()
			p.Mode = verdict.Block
			w, err := NewEngine(cfg, p, true)
			if err != nil {
				b.Fatal(err)
			}
			g := NewGuard(cfg, p, &engine{waf: w}, silent{})
			switch mode {
			case config.ProfileAlert:
				c, err := profile.NewChecker(d)
				if err != nil {
					b.Fatal(err)
				}
				g.SetProfile(c, "1", policy.BehaviourOf(d))
			case config.ProfileLearn:
				g.SetLearner(profile.NewLearner(d, time.Now), func(profile.Delta) {})
			}
			b.Run(fmt.Sprintf("%s/%d", mode, size), func(b *testing.B) {
				measured(b, func() {
					out := g.Inspect(b.Context(), &proxy.Invocation{ID: "1", Body: request})
					if out.Answer != nil {
						b.Fatalf("a benign event is refused: %s", out.Answer.Body)
					}
				})
			})
		}
	}
}

// profileOf is the profile in which an event is normal.
func profileOf(b *testing.B, request []byte) *profile.Document {
	l, all := profile.NewLearner(nil, time.Now), profile.NewEvidence()
	d, _ := l.Commit(l.Observe(event.Decode(request, nil, event.DefaultLimits())))
	if err := all.Apply("bench", d); err != nil {
		b.Fatal(err)
	}
	doc, _ := all.Build(profile.Options{Settled: profile.DefaultSettled(), Accept: func(profile.Place) bool { return true }})
	read, err := profile.Parse(doc.Canonical()) // as it is deployed
	if err != nil {
		b.Fatal(err)
	}
	return read
}
