package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// batch is a case whose event carries records: the handler has to see the
// survivors, in order, and the source has to hear what hears says.
func batch(name, event string, survivors []string, hears string) demoCase {
	c := post("invoke", name, "", jsonType, event, true)
	c.survivors, c.hears = survivors, hears
	return c
}

// triggerCases attack the function through what is not HTTP.
func triggerCases() []demoCase {
	const sqli, xss = "1' UNION SELECT card FROM customers -- ", "<script>alert(document.cookie)</script>"
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return []demoCase{
		batch("SQS, three messages, one bad", list("Records", sqs("a", "fine"), sqs("b", sqli), sqs("c", "O'Neill & sons")),
			[]string{"a", "c"}, `"itemIdentifier":"b"`),
		batch("SNS in SQS", list("Records", sqs("d", notification(`{"note":"`+xss+`"}`)), sqs("e", notification(`{"note":"ok"}`))),
			[]string{"e"}, `"itemIdentifier":"d"`),
		batch("Kinesis, base64 data", list("Records", kinesis("1", b64(`{"user":"Ann"}`)), kinesis("2", b64(`{"user":"`+sqli+`"}`))),
			[]string{"shardId-000000000006:1"}, ""),
		batch("DynamoDB stream", list("Records", dynamo("7", xss), dynamo("8", "fine")), []string{"e8"}, ""),
		batch("Firehose, one bad", `{"invocationId":"i","deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/d","region":"us-east-1",`+
			list("records", firehose("r1", b64("a fine line")), firehose("r2", b64("x; cat /etc/passwd")))[1:],
			[]string{}, `"recordId":"r2","result":"ProcessingFailed"`),
		batch("S3 object key", `{"Records":[`+s3("..%2F..%2F..%2Fetc%2Fpasswd")+`]}`, nil, `"merlon":"blocked"`),
		batch("EventBridge detail", `{"version":"0","id":"9","detail-type":"order","source":"shop","account":"123456789012","time":"2026-11-23T00:00:00Z","region":"us-east-1","resources":[],"detail":{"note":`+quote(sqli)+`}}`,
			nil, `"merlon":"blocked"`),
		post("invoke", "Cognito sign-up", "", jsonType, `{"version":"1","region":"us-east-1","userPoolId":"us-east-1_x","userName":"ann","callerContext":{"awsSdkVersion":"1","clientId":"c"},"triggerSource":"PreSignUp_SignUp","request":{"userAttributes":{"name":`+quote(xss)+`},"validationData":null},"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}}`, true),
		post("invoke", "AppSync resolver", "", jsonType, `{"arguments":{"filter":`+quote(sqli)+`},"identity":null,"source":null,"request":{"headers":{}},"prev":null,"info":{"fieldName":"orders","parentTypeName":"Query","variables":{},"selectionSetList":["id"],"selectionSetGraphQL":"{ id }"},"stash":{}}`, true),
		post("invoke", "SQS, two good messages", "", jsonType, list("Records", sqs("f", "fine"), sqs("g", `{"n":1}`)), false),
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("bug: a string always marshals: " + err.Error())
	}
	return string(b)
}

func list(key string, records ...string) string {
	return `{"` + key + `":[` + strings.Join(records, ",") + `]}`
}

func sqs(id, body string) string {
	return fmt.Sprintf(`{"messageId":%q,"receiptHandle":"AQEB","body":%s,"attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1","SenderId":"A","ApproximateFirstReceiveTimestamp":"1"},"messageAttributes":{},"md5OfBody":"x","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:orders","awsRegion":"us-east-1"}`,
		id, quote(body))
}

func notification(message string) string {
	return fmt.Sprintf(`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:us-east-1:123456789012:t","Message":%s,"Timestamp":"2026-11-23T00:00:00.000Z","SignatureVersion":"1","Signature":"c2ln","SigningCertURL":"https://sns.us-east-1.amazonaws.com/c.pem","UnsubscribeURL":"https://sns.us-east-1.amazonaws.com/u"}`, quote(message))
}

func kinesis(seq, data string) string {
	return fmt.Sprintf(`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"p","sequenceNumber":%q,"data":%q,"approximateArrivalTimestamp":1.0},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:%s","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/r","awsRegion":"us-east-1","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s"}`, seq, data, seq)
}

func dynamo(seq, note string) string {
	return fmt.Sprintf(`{"eventID":"e%s","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{"Keys":{"id":{"N":"1"}},"NewImage":{"note":{"S":%s}},"SequenceNumber":%q,"SizeBytes":26,"StreamViewType":"NEW_IMAGE"},"eventSourceARN":"arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2020"}`, seq, quote(note), seq)
}

func firehose(id, data string) string {
	return fmt.Sprintf(`{"recordId":%q,"approximateArrivalTimestamp":1,"data":%q}`, id, data)
}

func s3(key string) string {
	return fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-11-23T00:00:00.000Z","eventName":"ObjectCreated:Put","userIdentity":{"principalId":"A"},"requestParameters":{"sourceIPAddress":"192.0.2.1"},"responseElements":{},"s3":{"s3SchemaVersion":"1.0","configurationId":"c","bucket":{"name":"uploads","ownerIdentity":{"principalId":"A"},"arn":"arn:aws:s3:::uploads"},"object":{"key":%q,"size":1,"eTag":"x","versionId":"v1","sequencer":"1"}}}`, key)
}
