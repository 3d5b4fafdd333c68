package agent

import (
	"time"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

// newReporter makes the reporter of the configuration.
func (x *extension) newReporter() *report.Reporter {
	return report.New(report.Options{
		Out: x.out, Env: verdict.NewID(time.Now()), Now: time.Now,
		Function: x.environ["AWS_LAMBDA_FUNCTION_NAME"], Region: x.environ["AWS_REGION"], Version: Version,
		Signer: verdict.NewSigner(x.cfg.VerdictKey.Reveal()), PerMinute: x.cfg.VerdictsPerMinute,
		Summaries: x.cfg.Summaries == config.SummariesOn, Awake: x.concurrent(),
	})
}
