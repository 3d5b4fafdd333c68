// Package cloudwatch fetches Merlon's lines out of CloudWatch Logs. It knows
// pages, tokens and quotas, and nothing of what is in a line.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// pattern finds every line of ours whatever the format of the log: it is about
// words, not about JSON, so that lines wrapped in a message count too.
const pattern = `?"merlon.verdict/1" ?"merlon.summary/1" ?"merlon.metric/1"`

// Query says which events are wanted.
type Query struct {
	Group        string
	Since, Until time.Time // from the first, before the second
}

// Event is one event of a log group.
type Event struct {
	ID      string `json:"eventId"`
	Time    int64  `json:"timestamp"` // Unix milliseconds
	Stream  string `json:"logStreamName"`
	Message string `json:"message"`
}

// api is the one call that is made; it needs logs:FilterLogEvents.
type api interface {
	FilterLogEvents(context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

// Attempts is how often a call is made before it counts as failed. The quota of
// FilterLogEvents is a few calls a second for the whole account, so being
// throttled is the rule.
const Attempts = 12

// NewClient makes a client of a configuration. An endpoint other than AWS's own
// is for tests and for private networks.
func NewClient(cfg aws.Config, endpoint string, backoff func(attempt int) time.Duration) *cloudwatchlogs.Client {
	return cloudwatchlogs.NewFromConfig(cfg, func(o *cloudwatchlogs.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = Attempts
			if backoff != nil {
				r.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return backoff(attempt), nil })
			}
			r.RateLimiter = unlimited{} // the number of attempts is the bound
			r.Retryables = append(r.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if errors.Is(err, io.ErrUnexpectedEOF) { // the connection broke inside an answer
					return aws.TrueTernary
				}
				return aws.UnknownTernary
			}))
		})
	})
}

// unlimited lets every attempt be made: the SDK's own limiter gives up after a
// few throttled calls in a row, which is how a long download normally goes.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// page fetches one page. It may be empty and have a next one all the same.
func page(ctx context.Context, c api, q Query, token string) (events []Event, next string, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &q.Group, FilterPattern: aws.String(pattern),
		StartTime: aws.Int64(q.Since.UnixMilli()), EndTime: aws.Int64(q.Until.UnixMilli()),
	}
	if token != "" {
		in.NextToken = &token
	}
	out, err := c.FilterLogEvents(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("read log group %q (needs logs:FilterLogEvents): %w", q.Group, err)
	}
	events = make([]Event, 0, len(out.Events))
	for _, e := range out.Events {
		events = append(events, Event{
			ID: aws.ToString(e.EventId), Time: aws.ToInt64(e.Timestamp), Stream: aws.ToString(e.LogStreamName), Message: aws.ToString(e.Message),
		})
	}
	return events, aws.ToString(out.NextToken), nil
}

// expired reports whether a token is not good any more; they live for a day.
func expired(err error) bool {
	var invalid *types.InvalidParameterException
	return errors.As(err, &invalid)
}
