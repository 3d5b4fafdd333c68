// Package answer makes the replies that Merlon gives in a function's place, one
// file per kind of trigger, each in the shape its caller expects. It knows what
// a reply looks like and not why one is given: every refusal of a trigger reads
// the same, whatever the cause.
package answer

import (
	"net/url"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
)

// Settings shape refusals.
type Settings struct {
	Status  int  // HTTP status
	Custom  bool // Body replaces the default body
	Body    string
	Headers []event.Header // added to HTTP refusals, for instance for CORS
	Stream  bool           // the callers of this function's HTTP front expect a stream
	AckSQS  bool           // a removed SQS message is acknowledged at once, never returned
	// FailAsync fails an asynchronous event that is refused whole, so that Lambda
	// tries again and then sends it to the function's dead-letter queue.
	FailAsync bool
	// Respond answers a direct caller with a result instead of an error.
	Respond bool
	// Policy has authorizers of payload format 2.0 refuse with an IAM policy, Deny
	// those of format 1.0 as well.
	Policy, Deny bool
}

// Reply is an answer for the Runtime API.
type Reply struct {
	Error       bool   // POST …/error instead of …/response
	ErrorType   string // Lambda-Runtime-Function-Error-Type
	ContentType string
	Streaming   bool // Lambda-Runtime-Function-Response-Mode: streaming
	Body        []byte
	Status      int // HTTP status the caller sees; 0 where there is none
}

// Refusable reports whether an event can be refused as a whole without losing
// data, stalling its source or hanging a deployment. Batches are not among them:
// failing a batch for one bad record would take the good ones with it. An event
// with the marks of several sources is: no service sent it. Nor does CloudFront
// send any to a function with a layer, which Lambda@Edge does not have.
func Refusable(ev *event.Event) bool {
	if ev.Mixed {
		return true
	}
	switch ev.Source {
	case event.RESTAPI, event.HTTPAPI, event.FunctionURL, event.ALB, event.Lattice:
		return !exempt(ev)
	case event.SNS, event.S3, event.SES, event.CodeCommit:
		return ev.Records <= 1
	case event.SQS, event.Kinesis, event.DynamoDB, event.Kafka, event.MQ, event.DocumentDB, event.Pipes, event.Firehose:
		return false
	}
	return !exemptByShape(ev)
}

// Retried reports whether the source of an event delivers it again after an
// error, so that failing it for a fault of ours loses nothing.
func Retried(ev *event.Event) bool {
	switch ev.Source {
	case event.SQS, event.Kinesis, event.DynamoDB, event.Kafka, event.MQ, event.DocumentDB, event.Pipes, event.Firehose, event.CWLogs,
		event.SNS, event.S3, event.EventBridge, event.SES, event.CodeCommit, event.IoT:
		return true
	}
	return false
}

// OnNamed reports whether events of a source are refused where the policy names
// the source as one to block, and never otherwise: the control plane, in which a
// refusal hangs a deployment, and logs, which hold attacks by their nature.
func OnNamed(s event.Source) bool {
	switch s {
	case event.CloudFormation, event.CodePipeline, event.Config, event.SecretsManager, event.CWLogs:
		return true
	}
	return false
}

// exempt are requests whose refusal protects nothing and breaks the front end:
// CORS preflights and health checks, which carry no body.
func exempt(ev *event.Event) bool {
	h := ev.HTTP
	if h == nil || h.HasBody {
		return false
	}
	if h.Method == "OPTIONS" {
		return ev.Header("origin") != "" && ev.Header("access-control-request-method") != ""
	}
	return ev.Source == event.ALB && strings.HasPrefix(ev.Header("user-agent"), "ELB-HealthChecker/")
}

// exemptByShape are events that are never refused, because the connection is
// gone, a refusal would lock a user out for good, or a deployment would hang. A
// caller who may invoke the function can write an event of this shape, so
// anything beside the keys that the service sends ends the exemption.
func exemptByShape(ev *event.Event) bool {
	switch ev.Source {
	case event.WebSocket:
		return ev.IsDisconnect() && ev.Only("headers", "multiValueHeaders", "requestContext", "isBase64Encoded")
	case event.Cognito:
		return ev.HasTrigger("PostConfirmation_", "PostAuthentication_", "TokenGeneration_") &&
			ev.Only("version", "triggerSource", "region", "userPoolId", "userName", "callerContext", "request", "response")
	case event.CloudFormation:
		return s3URL(ev.Text("ResponseURL")) && ev.Only("RequestType", "ServiceToken", "ResponseURL", "StackId", "RequestId",
			"LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceProperties", "OldResourceProperties", "ServiceTimeout")
	case event.CodePipeline:
		return ev.Only("CodePipeline.job")
	case event.Config:
		return ev.Only("version", "invokingEvent", "ruleParameters", "resultToken", "eventLeftScope", "executionRoleArn",
			"configRuleArn", "configRuleName", "configRuleId", "accountId", "evaluationMode")
	case event.SecretsManager:
		return ev.Only("Step", "SecretId", "ClientRequestToken", "RotationToken")
	case event.EventBridge:
		return scheduled(ev)
	case event.Durable:
		return replay(ev) && ev.Only("DurableExecutionArn", "CheckpointToken", "InitialExecutionState")
	case event.CWLogs:
		return ev.Only("awslogs") // logs hold attacks by their nature; removing them removes evidence
	}
	return false
}

// scheduled reports whether an event is the tick of a schedule, which carries
// nothing (Amazon EventBridge, "Scheduled events").
func scheduled(ev *event.Event) bool {
	if ev.Text("source") != "aws.events" || ev.Text("detail-type") != "Scheduled Event" {
		return false
	}
	for i := range ev.Leaves {
		if p := ev.Path(&ev.Leaves[i]); len(p) > 1 && p[0].Key == "detail" {
			return false
		}
	}
	return ev.Only("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
}

// s3URL reports whether a custom resource would answer to S3, as all of them do.
func s3URL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil {
		return false
	}
	host := strings.TrimSuffix(u.Hostname(), ".cn")
	return strings.HasSuffix(host, ".amazonaws.com") && (strings.Contains(host, ".s3.") || strings.Contains(host, ".s3-") ||
		strings.HasPrefix(host, "s3.") || strings.HasPrefix(host, "s3-"))
}

// Refuse makes the refusal of an event. id is the verdict's, for the caller to
// quote.
func Refuse(ev *event.Event, id string, s Settings) Reply {
	switch ev.Source {
	case event.RESTAPI, event.HTTPAPI, event.FunctionURL, event.ALB, event.Lattice:
		return refuseHTTP(ev, id, s)
	case event.WebSocket:
		return reply(map[string]any{"statusCode": 403})
	case event.Authorizer:
		return refuseAuthorizer(ev, s)
	case event.CWLogs:
		if !s.FailAsync {
			return blocked(id) // the log group has the event
		}
	case event.Direct:
		if s.Respond {
			return blocked(id)
		}
	case event.SES:
		if waits(ev) {
			return stopRule()
		}
	case event.Durable:
		return failExecution(id)
	}
	return Fail(id)
}
