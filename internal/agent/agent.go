// Package agent puts the parts together from configuration: it reads the policy
// file, compiles the engine and makes the guard, for the extension and for the
// command line alike, so that what is tried on a laptop is what runs in Lambda.
package agent

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

// Version is set by the linker.
var Version = "dev"

// LoadPolicy makes the policy of a configuration: the defaults, then the policy
// file, then what the environment sets. A file that cannot be used is an error
// beside a policy without it, but for the mode it asked for, so that the caller
// can go on and say so. The file's
// paranoia level goes into cfg.
func LoadPolicy(cfg *config.Config) (*policy.Policy, error) {
	p := policy.Default()
	var err error
	if cfg.Policy != "" {
		err = applyFile(p, cfg)
	}
	set := func(name string) bool { return cfg.Source(name) == config.FromEnvironment }
	if set("MERLON_MODE") {
		p.Mode = mode(cfg.Mode)
	}
	if set("MERLON_THRESHOLD") {
		p.Threshold = cfg.Threshold
	}
	if set("MERLON_ON_FAULT") || cfg.OnFault == config.FaultClosed {
		p.FailClosed = cfg.OnFault == config.FaultClosed
	}
	if set("MERLON_ON_LIMIT") {
		p.PassLimits = cfg.OnLimit == config.LimitPass
	}
	if set("MERLON_INTROSPECTION") {
		p.Introspection = cfg.Introspection == config.IntrospectionBlock
	}
	if cfg.BlockTriggers != nil {
		p.BlockTriggers = map[event.Source]bool{}
		for _, s := range event.Sources() {
			p.BlockTriggers[s] = cfg.Blocks(string(s))
		}
	}
	return p, err
}

func applyFile(p *policy.Policy, cfg *config.Config) error {
	data, err := os.ReadFile(cfg.Policy)
	if err != nil {
		return fmt.Errorf("read policy file: %w", err)
	}
	var f *policy.File
	if err := contained(func() (err error) { f, err = policy.Parse(data); return err }); err != nil {
		err = fmt.Errorf("%q: %w", cfg.Policy, err)
		return errors.Join(err, contained(func() error { return policy.Salvage(data).Apply(p) }))
	}
	if f.Paranoia > 0 && cfg.Source("MERLON_PARANOIA") != config.FromEnvironment {
		cfg.Paranoia = f.Paranoia
	}
	return f.Apply(p)
}

func mode(m config.Mode) verdict.Mode {
	switch m {
	case config.ModeBlock:
		return verdict.Block
	case config.ModeOff:
		return verdict.Off
	}
	return verdict.Monitor
}

// NewEngine compiles the rules of a configuration and the policy's own. Without
// the screen every event goes to Coraza: slower by a factor of a hundred, with
// equal verdicts.
func NewEngine(cfg config.Config, p *policy.Policy, screen bool) (*waf.Engine, error) {
	o := EngineOptions(cfg, p)
	o.NoScreen = !screen
	return waf.New(o)
}

// EngineOptions are what a configuration says of the rules.
func EngineOptions(cfg config.Config, p *policy.Policy) waf.Options {
	set := rules.Default
	if cfg.Rules == config.RulesCRSOnly {
		set = rules.CRSOnly
	}
	return waf.Options{Rules: rules.Options{Set: set, Paranoia: cfg.Paranoia, Threshold: p.Threshold}, Custom: p.SecRules,
		Responses: waf.Responses{On: cfg.Responses != config.ResponsesOff, Bytes: cfg.ResponseBytes},
	}
}

// NewGuard makes the guard of a configuration with an engine and a reporter.
func NewGuard(cfg config.Config, p *policy.Policy, e guard.Engine, r guard.Reporter) *guard.Guard {
	g := &guard.Guard{
		Engine: e, Policy: p, Reporter: r, Budget: cfg.BudgetPercent, Limits: event.DefaultLimits(), Now: time.Now,
		Answers: answer.Settings{
			Status: cfg.BlockStatus, Body: cfg.BlockBody,
			Custom: cfg.Source("MERLON_BLOCK_BODY") != config.FromDefault,
			Stream: cfg.InvokeMode == config.InvokeStream, AckSQS: cfg.SQS == config.SQSAck,
			FailAsync: cfg.Async == config.AsyncError, Respond: cfg.Direct == config.DirectRespond,
			Policy: cfg.Authorizer == config.AuthorizerIAM, Deny: cfg.Authorizer == config.AuthorizerIAM,
		},
		LearnStream: cfg.InvokeMode == config.InvokeAuto, LearnAuthorizer: cfg.Authorizer == config.AuthorizerAuto,
		Redactor: verdict.Redactor{Mode: evidence(cfg.Evidence), Key: verdict.NewSigner(cfg.VerdictKey.Reveal()).HashKey()},
	}
	if re, ok := e.(guard.ResponseEngine); ok && cfg.Responses != config.ResponsesOff {
		g.Responses = guard.Responses{Engine: re, Block: cfg.Responses == config.ResponsesBlock, Bytes: cfg.ResponseBytes}
	}
	for _, h := range cfg.BlockHeaders {
		g.Answers.Headers = append(g.Answers.Headers, event.Header{Name: h.Name, Value: h.Value})
	}
	g.Deployment = guard.Deployment{AgentVersion: Version, Ruleset: rules.Version}
	return g
}

func evidence(e config.Evidence) verdict.EvidenceMode {
	switch e {
	case config.EvidenceNone:
		return verdict.EvidenceNone
	case config.EvidenceRaw:
		return verdict.EvidenceRaw
	}
	return verdict.EvidenceRedacted
}

var errNoRuntimeAPI = errors.New("AWS_LAMBDA_RUNTIME_API is not set: this program is started by Lambda as an extension")
