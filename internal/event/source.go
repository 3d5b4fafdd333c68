package event

// Source is the kind of event source, as the event's shape tells it.
type Source string

// The event sources. Direct is anything that no other one claims.
const (
	Direct         Source = "direct"
	RESTAPI        Source = "apigw-v1"
	HTTPAPI        Source = "apigw-v2"
	FunctionURL    Source = "function-url"
	ALB            Source = "alb"
	WebSocket      Source = "websocket"
	Authorizer     Source = "authorizer"
	AppSync        Source = "appsync"
	SQS            Source = "sqs"
	SNS            Source = "sns"
	S3             Source = "s3"
	DynamoDB       Source = "dynamodb"
	Kinesis        Source = "kinesis"
	Firehose       Source = "firehose"
	Kafka          Source = "kafka"
	MQ             Source = "mq"
	EventBridge    Source = "eventbridge"
	CWLogs         Source = "cwlogs"
	SES            Source = "ses"
	Cognito        Source = "cognito"
	Lex            Source = "lex"
	CodeCommit     Source = "codecommit"
	CloudFront     Source = "cloudfront"
	CloudFormation Source = "cloudformation"
	CodePipeline   Source = "codepipeline"
	Config         Source = "config"
)

// Sources lists every source, for policies that name them.
func Sources() []Source {
	return []Source{
		Direct, RESTAPI, HTTPAPI, FunctionURL, ALB, WebSocket, Authorizer, AppSync, SQS, SNS, S3, DynamoDB,
		Kinesis, Firehose, Kafka, MQ, EventBridge, CWLogs, SES, Cognito, Lex, CodeCommit, CloudFront,
		CloudFormation, CodePipeline, Config,
	}
}

// IsHTTP reports whether the source is a request that waits for an HTTP reply.
func (s Source) IsHTTP() bool {
	return s == RESTAPI || s == HTTPAPI || s == FunctionURL || s == ALB
}

// recordSources maps the eventSource of Records[0] to a source.
var recordSources = map[string]Source{
	"aws:sqs": SQS, "aws:sns": SNS, "aws:s3": S3, "aws:dynamodb": DynamoDB, "aws:kinesis": Kinesis,
	"aws:ses": SES, "aws:codecommit": CodeCommit,
}

// identify names the source of a decoded document by the marks AWS puts into
// its events; what has no marks is Direct. mixed is true if there are marks of
// another source as well: a request with an SQS record beside it, say, which is
// how a caller would try to be handled as what is never refused.
func identify(d *document) (s Source, mixed bool) {
	s = Direct
	for _, mark := range [...]func(*document) Source{httpMark, recordMark, contextMark, streamMark, serviceMark, controlMark} {
		found := mark(d)
		switch {
		case found == "":
		case s == Direct:
			s = found
		default:
			mixed = true
		}
	}
	return s, mixed
}

// httpMark recognises requests that wait for an HTTP reply.
func httpMark(d *document) Source {
	rc := d.child(0, "requestContext")
	switch {
	case d.child(rc, "elb") > 0:
		return ALB
	case d.child(rc, "http") > 0 && d.child(0, "routeArn") < 0:
		if isFunctionURL(d, rc) {
			return FunctionURL
		}
		return HTTPAPI
	case d.child(0, "httpMethod") > 0 && d.child(rc, "connectionId") < 0 && d.child(0, "methodArn") < 0:
		return RESTAPI
	}
	return ""
}

// recordMark recognises batches by their first record.
func recordMark(d *document) Source {
	rec := d.first(d.child(0, "Records"))
	if rec < 0 {
		return ""
	}
	for _, key := range [...]string{"eventSource", "EventSource"} {
		if s, ok := recordSources[d.text(d.child(rec, key))]; ok {
			return s
		}
	}
	if d.child(rec, "cf") > 0 {
		return CloudFront
	}
	return ""
}

// contextMark recognises WebSocket messages and authorizers.
func contextMark(d *document) Source {
	switch {
	case d.child(d.child(0, "requestContext"), "connectionId") > 0 && d.child(0, "methodArn") < 0:
		return WebSocket
	case d.child(0, "methodArn") > 0 || d.child(0, "routeArn") > 0 || d.child(0, "authorizationToken") > 0:
		return Authorizer
	}
	return ""
}

// streamMark recognises batches that are marked at the top.
func streamMark(d *document) Source {
	src := d.text(d.child(0, "eventSource"))
	switch {
	case d.child(0, "awslogs") > 0:
		return CWLogs
	case d.child(0, "deliveryStreamArn") > 0:
		return Firehose
	case src == "aws:kafka" || src == "SelfManagedKafka":
		return Kafka
	case src == "aws:mq" || src == "aws:rmq":
		return MQ
	}
	return ""
}

// serviceMark recognises services that wait for a reply of their own shape.
func serviceMark(d *document) Source {
	switch {
	case d.child(0, "detail-type") > 0 && d.child(0, "source") > 0:
		return EventBridge
	case d.child(0, "triggerSource") > 0 && d.child(0, "userPoolId") > 0, d.child(0, "datasetRecords") > 0:
		return Cognito
	case d.child(0, "arguments") > 0 && (d.child(0, "info") > 0 || d.child(0, "identity") > 0 || d.child(0, "fieldName") > 0):
		return AppSync
	case d.child(0, "bot") > 0 && (d.child(0, "currentIntent") > 0 || d.child(0, "sessionState") > 0):
		return Lex
	}
	return ""
}

// controlMark recognises the control plane.
func controlMark(d *document) Source {
	switch {
	case d.child(0, "ResponseURL") > 0 && d.child(0, "StackId") > 0:
		return CloudFormation
	case d.child(0, "CodePipeline.job") > 0:
		return CodePipeline
	case d.child(0, "configRuleArn") > 0 || d.child(0, "configRuleName") > 0:
		return Config
	}
	return ""
}

// isFunctionURL tells the two users of payload format 2.0 apart: a function
// URL's host is <url-id>.lambda-url.<region>.on.aws (AWS Lambda, "Lambda
// function URLs").
func isFunctionURL(d *document, rc int32) bool {
	return containsFold(d.text(d.child(rc, "domainName")), ".lambda-url.")
}
