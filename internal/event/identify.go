package event

// recordSources maps the eventSource of a record to a source.
var recordSources = map[string]Source{
	"aws:sqs": SQS, "aws:sns": SNS, "aws:s3": S3, "aws:dynamodb": DynamoDB, "aws:kinesis": Kinesis,
	"aws:ses": SES, "aws:codecommit": CodeCommit,
}

// identify names the source of a decoded document by the marks AWS puts into
// its events; what has no marks is Direct. mixed is true if there are marks of
// another source as well: a request with an SQS record beside it, say, which is
// how a caller would try to be handled as what is never refused.
func identify(d *document) (s Source, mixed bool) {
	if d.nodes[0].kind == kindArray {
		return arrayMark(d), false
	}
	s = Direct
	count := func(found Source) {
		switch {
		case found == "":
		case s == Direct:
			s = found
		default:
			mixed = true
		}
	}
	for _, mark := range [...]func(*document) Source{httpMark, recordMark, contextMark, streamMark} {
		count(mark(d))
	}
	for i := range marks {
		if marks[i].is(d) {
			count(marks[i].source)
		}
	}
	return s, mixed
}

// has reports whether the root has all of these members.
func (d *document) has(keys ...string) bool {
	for _, k := range keys {
		if d.child(0, k) < 0 {
			return false
		}
	}
	return true
}

// arrayMark recognises lists by their first element: the records that a pipe
// delivers bear the name of their source (EventBridge user guide, "Pipes
// sources"), the contexts of an AppSync batch look like that of one resolver.
func arrayMark(d *document) Source {
	rec := d.first(0)
	switch {
	case rec < 0:
		return Direct
	case pipeSources[d.text(d.child(rec, "eventSource"))]:
		return Pipes
	case d.child(rec, "arguments") > 0 && (d.child(rec, "info") > 0 || d.child(rec, "identity") > 0):
		return AppSyncBatch
	}
	return Direct
}

var pipeSources = map[string]bool{
	"aws:sqs": true, "aws:dynamodb": true, "aws:kinesis": true, "aws:kafka": true, "SelfManagedKafka": true,
	"aws:mq": true, "aws:amq": true, "aws:rmq": true,
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
	case d.child(0, "httpMethod") > 0 && d.child(rc, "connectionId") < 0 && d.child(0, "methodArn") < 0 && !(rc < 0 && isBedrock(d)):
		return RESTAPI
	case d.child(rc, "targetGroupArn") > 0 && d.child(0, "method") > 0,
		d.child(0, "raw_path") > 0 && d.has("method", "headers"):
		return Lattice
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

// streamMark recognises batches whose source is named at the top.
func streamMark(d *document) Source {
	switch d.text(d.child(0, "eventSource")) {
	case "aws:kafka", "SelfManagedKafka":
		return Kafka
	case "aws:mq", "aws:amq", "aws:rmq":
		return MQ
	case "aws:docdb":
		return DocumentDB
	}
	return ""
}

// marks tell the sources apart that have members of their own. Any two of them
// in one event make it a mixed one. Read-only.
var marks = [...]struct {
	source Source
	is     func(*document) bool
}{
	{CWLogs, func(d *document) bool { return d.child(0, "awslogs") > 0 }},
	{Firehose, func(d *document) bool { return d.child(0, "deliveryStreamArn") > 0 }},
	{EventBridge, func(d *document) bool { return d.has("detail-type", "source") }},
	{Cognito, func(d *document) bool {
		return d.has("triggerSource", "userPoolId") || d.child(0, "datasetRecords") > 0
	}},
	{AppSyncEvents, func(d *document) bool { return d.child(d.child(0, "info"), "channel") > 0 }},
	{AppSync, isResolver},
	{Lex, func(d *document) bool {
		return d.child(0, "bot") > 0 && (d.child(0, "currentIntent") > 0 || d.child(0, "sessionState") > 0)
	}},
	{Bedrock, isBedrock},
	{Alexa, isAlexa},
	{Connect, func(d *document) bool { return d.child(d.child(0, "Details"), "ContactData") > 0 }},
	{S3Batch, func(d *document) bool { return d.has("tasks", "invocationSchemaVersion", "job") }},
	{S3Object, func(d *document) bool { return d.has("userRequest", "xAmzRequestId") }},
	{IoT, isDevice},
	{CloudFormation, func(d *document) bool { return d.has("ResponseURL", "StackId") }},
	{CodePipeline, func(d *document) bool { return d.child(0, "CodePipeline.job") > 0 }},
	{Config, func(d *document) bool { return d.child(0, "configRuleArn") > 0 || d.child(0, "configRuleName") > 0 }},
	{SecretsManager, func(d *document) bool { return d.has("SecretId", "ClientRequestToken", "Step") }},
	{Durable, func(d *document) bool { return d.has("DurableExecutionArn", "InitialExecutionState") }},
}

func isResolver(d *document) bool {
	return d.child(0, "arguments") > 0 &&
		(d.child(0, "info") > 0 && d.child(d.child(0, "info"), "channel") < 0 || d.child(0, "identity") > 0 || d.child(0, "fieldName") > 0)
}

// isBedrock reports whether an agent calls an action group, by a function's name
// or by an API's path and method.
func isBedrock(d *document) bool { return d.has("actionGroup", "agent") }

// isAlexa recognises requests to a skill, and directives to a smart home.
func isAlexa(d *document) bool {
	return d.child(d.child(0, "context"), "System") > 0 && d.child(d.child(0, "request"), "type") > 0 ||
		d.child(d.child(d.child(0, "directive"), "header"), "namespace") > 0
}

// isDevice recognises the few events of AWS IoT that have a shape; what a rule
// delivers is the device's own message.
func isDevice(d *document) bool {
	return d.has("deviceEvent", "deviceInfo") || d.has("serialNumber", "clickType") ||
		d.has("protocolData", "signatureVerified") || d.has("claimCertificateId", "templateArn")
}

// isFunctionURL tells the two users of payload format 2.0 apart: a function
// URL's host is <url-id>.lambda-url.<region>.on.aws (AWS Lambda, "Lambda
// function URLs").
func isFunctionURL(d *document, rc int32) bool {
	return containsFold(d.text(d.child(rc, "domainName")), ".lambda-url.")
}
