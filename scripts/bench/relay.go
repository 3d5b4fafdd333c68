package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/result"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
	"github.com/merlon-security/merlon/scripts/bench/internal/service"
)

// measureRelay times invocations of a function directly at the service, behind
// the relay alone, and behind the extension. All are processes of their own, as
// on Lambda, and take turns.
func (b *bench) measureRelay() error {
	direct, relayed := &service.Service{}, &service.Service{}
	for _, s := range []*service.Service{direct, relayed} {
		if err := s.Start(); err != nil {
			return err
		}
		defer s.Close()
	}
	listen, err := service.FreeAddr()
	if err != nil {
		return err
	}
	rl, err := service.Launch([]string{"AWS_LAMBDA_RUNTIME_API=" + relayed.Addr(), "MERLON_LISTEN=" + listen}, b.program("role"), "relay")
	if err != nil {
		return err
	}
	defer rl.Stop()
	if _, err := rl.Line(); err != nil {
		return err
	}
	ext, err := b.launchExtension()
	if err != nil {
		return err
	}
	defer ext.stop()
	for _, addr := range []string{direct.Addr(), listen, ext.listen} {
		f, err := service.Launch([]string{"AWS_LAMBDA_RUNTIME_API=" + addr}, b.program("role"), "function")
		if err != nil {
			return err
		}
		defer f.Stop()
		f.Discard()
	}
	for _, ev := range []struct {
		name string
		text []byte
	}{
		{"100b", []byte(`"` + strings.Repeat("x", 98) + `"`)},
		{"json-1k", sample.PostJSON(1, sample.OrderJSON(1, 40, 1<<10, "")).Lambda},
	} {
		r, err := b.invocations(ev.name, ev.text, direct, relayed, ext.service)
		if err != nil {
			return err
		}
		b.res.Relay = append(b.res.Relay, r)
	}
	return nil
}

func (b *bench) invocations(name string, event []byte, direct, relayed, inspected *service.Service) (r result.Relay, err error) {
	n := 3000
	if b.quick {
		n = 1200
	}
	const warm = 300 // connections, heap and caches of all processes
	ways := []*service.Service{direct, relayed, inspected}
	took := make([][]time.Duration, len(ways))
	for i := range n + warm {
		for w, s := range ways {
			d, err := s.Invoke(event)
			if err != nil {
				return r, fmt.Errorf("relay %s: %w", name, err)
			}
			if i >= warm {
				took[w] = append(took[w], d)
			}
		}
	}
	for _, t := range took {
		slices.Sort(t)
	}
	at := func(way, percent int) float64 { return float64(took[way][n*percent/100].Nanoseconds()) / 1e3 }
	return result.Relay{
		Event: name, Direct: at(0, 50), Plain: at(1, 50), Merlon: at(2, 50), DirectP99: at(0, 99), PlainP99: at(1, 99), MerlonP99: at(2, 99),
	}, nil
}
