package event

import "strings"

// sender completes the caller of an event that is no HTTP request, from the
// members that the service itself writes, and names the resource that the event
// comes from. Of a batch it is the first record's; a service does not mix them.
func (d *decoder) sender(dc *document) {
	c := &d.ev.Caller
	root, rec := int32(0), int32(0)
	if len(d.records) > 0 {
		rec = d.records[0]
	} else if first := dc.first(dc.child(0, "Records")); first > 0 {
		rec = first
	}
	c.SourceARN = arn(firstOf(dc.at(rec, "eventSourceARN"), dc.at(rec, "EventSubscriptionArn"), dc.at(rec, "eventSourceArn"),
		dc.at(root, "eventSourceArn"), dc.at(root, "deliveryStreamArn")))
	if c.SourceARN == "" {
		c.SourceARN = arn(d.resource(dc, rec))
	}
	if c.IP == "" {
		c.IP = address(d.clientAddress(dc, rec))
	}
	if c.PrincipalID == "" {
		if kind, id := d.who(dc, rec); id != "" {
			c.PrincipalType, c.PrincipalID = kind, clean(id, 128)
		}
	}
	if c.IPClaimed == "" {
		first, _, _ := strings.Cut(dc.at(dc.shared(rec, "request", "headers"), "x-forwarded-for"), ",")
		c.IPClaimed = address(first)
	}
}

// shared returns what stands in a record or, once for all of them, in the event:
// AppSync hands on the request and the caller's identity in either.
func (d *document) shared(rec int32, keys ...string) int32 {
	if n := d.down(rec, keys...); n >= 0 {
		return n
	}
	return d.down(0, keys...)
}

// resource names what the event comes from where no record says it.
func (d *decoder) resource(dc *document, rec int32) string {
	switch d.ev.Source {
	case S3:
		return dc.at(rec, "s3", "bucket", "arn")
	case S3Batch:
		if bucket := dc.at(rec, "s3Bucket"); bucket != "" {
			return "arn:aws:s3:::" + bucket
		}
		return dc.at(rec, "s3BucketArn")
	case S3Object:
		return dc.at(0, "configuration", "accessPointArn")
	case EventBridge:
		return dc.text(dc.first(dc.child(0, "resources")))
	case ALB:
		return dc.at(0, "requestContext", "elb", "targetGroupArn")
	case Lattice:
		return dc.at(0, "requestContext", "serviceArn")
	case Authorizer:
		return firstOf(dc.at(0, "methodArn"), dc.at(0, "routeArn"))
	case Connect:
		return dc.at(0, "Details", "ContactData", "InstanceARN")
	case Config:
		return dc.at(0, "configRuleArn")
	case CloudFormation:
		return dc.at(0, "StackId")
	case SecretsManager:
		return dc.at(0, "SecretId")
	case Durable:
		return dc.at(0, "DurableExecutionArn")
	case IoT:
		return dc.at(0, "templateArn")
	}
	return ""
}

// clientAddress is the address that the service saw the client at.
func (d *decoder) clientAddress(dc *document, rec int32) string {
	switch d.ev.Source {
	case AppSync, AppSyncBatch, AppSyncEvents:
		return dc.text(dc.first(dc.child(dc.shared(rec, "identity"), "sourceIp")))
	case S3:
		return dc.at(rec, "requestParameters", "sourceIPAddress")
	case EventBridge: // of S3, and of CloudTrail
		return firstOf(dc.at(0, "detail", "source-ip-address"), dc.at(0, "detail", "sourceIPAddress"))
	case CloudFront:
		return dc.at(rec, "cf", "request", "clientIp")
	}
	return ""
}

// who is the principal that the service authenticated.
func (d *decoder) who(dc *document, rec int32) (kind, id string) {
	switch d.ev.Source {
	case AppSync, AppSyncBatch, AppSyncEvents:
		identity := dc.shared(rec, "identity")
		if user := dc.at(identity, "userArn"); user != "" {
			return "iam", user
		}
		return "jwt", dc.at(identity, "sub")
	case S3:
		return "iam", dc.at(rec, "userIdentity", "principalId")
	case SQS, Pipes:
		return "iam", dc.at(rec, "attributes", "SenderId")
	case S3Object:
		return "iam", firstOf(dc.at(0, "userIdentity", "arn"), dc.at(0, "userIdentity", "principalId"))
	case CodeCommit:
		return "iam", dc.at(rec, "userIdentityARN")
	case Lattice:
		return "iam", dc.at(0, "requestContext", "identity", "principal")
	case EventBridge:
		return "account", dc.at(0, "account")
	case Cognito:
		return "cognito-client", dc.at(0, "callerContext", "clientId")
	case Alexa:
		return "alexa", firstOf(dc.at(0, "session", "user", "userId"), dc.at(0, "context", "System", "user", "userId"))
	case Bedrock:
		return "agent", dc.at(0, "agent", "id")
	}
	return "", ""
}
