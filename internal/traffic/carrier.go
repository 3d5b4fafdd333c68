package traffic

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// object is a JSON object that is being written.
type object = map[string]any

const (
	region  = "eu-central-1"
	account = "123456789012"
)

func arn(service, rest string) string {
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + rest
}

// carry makes the event in which a carrier delivers a message. Read-only.
var carry = map[string]func(*message) ([]byte, error){
	"function-url": throughFront(fronts["function-url"]),
	"apigw-v2":     throughFront(fronts["apigw-v2"]),
	"apigw-v1":     throughFront(fronts["apigw-v1"]),
	"alb":          throughFront(fronts["alb"]),
	"alb+multi":    throughFront(fronts["alb+multi"]),
	"sqs":          text(func(s string) any { return records(sqsRecord(s)) }),
	"sqs+sns":      text(func(s string) any { return records(sqsRecord(string(encode(notification(s))))) }),
	"sns":          text(snsEvent),
	"kinesis":      text(func(s string) any { return kinesisEvent([]byte(s)) }),
	"kinesis+gzip": text(func(s string) any { return kinesisEvent(compress(s)) }),
	"firehose":     text(firehoseEvent),
	"kafka":        text(kafkaEvent),
	"mq":           text(mqEvent),
	"cwlogs":       text(cwlogsEvent),
	"websocket":    text(webSocketEvent),
	"lex":          text(lexEvent),
	"s3":           text(s3Event),
	"authorizer":   text(authorizerEvent),
	"direct":       document(func(d json.RawMessage) (any, error) { return d, nil }),
	"eventbridge":  document(eventBridgeEvent),
	"appsync":      document(appSyncEvent),
	"dynamodb":     document(dynamoDBEvent),
	"cognito":      document(cognitoEvent),
	"connect":      document(connectEvent),
	"ses":          sesEvent,
}

// text is a carrier of any text.
func text(event func(string) any) func(*message) ([]byte, error) {
	return func(m *message) ([]byte, error) { return encode(event(string(m.body))), nil }
}

// document is a carrier of JSON objects. Another text is a member of one.
func document(event func(json.RawMessage) (any, error)) func(*message) ([]byte, error) {
	return func(m *message) ([]byte, error) {
		d := json.RawMessage(m.body)
		if !json.Valid(d) || d[0] != '{' {
			d = encode(object{"text": string(m.body)})
		}
		ev, err := event(d)
		if err != nil {
			return nil, err
		}
		return encode(ev), nil
	}
}

func records(r ...any) object { return object{"Records": r} }

func base(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func compress(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // into memory
	_ = w.Close()
	return b.Bytes()
}

func sqsRecord(body string) object {
	return object{
		"messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78", "receiptHandle": "AQEBzWwaftRI0KuVm4tP6d7w9l",
		"body": body, "md5OfBody": fmt.Sprintf("%x", md5.Sum([]byte(body))),
		"attributes": object{
			"ApproximateReceiveCount": "1", "SentTimestamp": "1776414600123", "SenderId": "AROAXMPL7Q2W3E4R5T6Y7:publisher",
			"ApproximateFirstReceiveTimestamp": "1776414600131",
		},
		"messageAttributes": object{"tenant": object{"stringValue": "north", "dataType": "String"}},
		"eventSource":       "aws:sqs", "eventSourceARN": arn("sqs", "inbox"), "awsRegion": region,
	}
}

func notification(message string) object {
	return object{
		"Type": "Notification", "MessageId": "dc1e94d9-56c5-5e96-808d-cc7f68faa162", "TopicArn": arn("sns", "inbox"), "Message": message,
		"Timestamp": "2026-04-17T08:30:00.123Z", "SignatureVersion": "1", "Signature": "EXAMPLEpH+DcEwjAPg8O9mY8dReBSwksfg2S7WKQcikcNKWLQjwu6A4VbeS0QHVCkhRS7fUQvi2egU3N858fiTDN6bkkOxYDVrY0Ad8L10Hs3zH81mtnPk5uvvolIC1CXGu43obcgFxeL3khZl8IKvO61GWB6jI9b5+gLPoBc1Q=",
		"SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-6aad65c2f9911b05cd53efda11f913f9.pem",
		"UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=" + arn("sns", "inbox:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55"),
	}
}

func snsEvent(message string) any {
	n := notification(message)
	n["MessageAttributes"] = object{"tenant": object{"Type": "String", "Value": "north"}}
	return records(object{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": arn("sns", "inbox:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55"), "Sns": n})
}

func kinesisEvent(data []byte) any {
	const sequence = "49590338271490256608559692538361571095921575989136588898"
	return records(object{
		"kinesis": object{
			"kinesisSchemaVersion": "1.0", "partitionKey": "device-17", "sequenceNumber": sequence, "data": base(data), "approximateArrivalTimestamp": 1776414600.123,
		},
		"eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": "shardId-000000000006:" + sequence, "eventName": "aws:kinesis:record",
		"invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role", "awsRegion": region, "eventSourceARN": arn("kinesis", "stream/inbox"),
	})
}

func firehoseEvent(s string) any {
	return object{
		"invocationId": "4ba0b2ad-2ad1-4a6f-9c3a-1f1a8f6a9a51", "deliveryStreamArn": arn("firehose", "deliverystream/inbox"), "region": region,
		"records": []any{object{"recordId": "49546986683135544286507457936321625675700192471156785154", "approximateArrivalTimestamp": 1776414600123, "data": base([]byte(s))}},
	}
}

func kafkaEvent(s string) any {
	return object{
		"eventSource": "aws:kafka", "eventSourceArn": arn("kafka", "cluster/inbox/751d2973-a626-431c-9d4e-d7975eb44dd7-2"),
		"bootstrapServers": "b-2.inbox.a1bcde.c1.kafka.eu-central-1.amazonaws.com:9092",
		"records": object{"inbox-0": []any{object{
			"topic": "inbox", "partition": 0, "offset": 15, "timestamp": 1776414600123, "timestampType": "CREATE_TIME", "key": base([]byte("device-17")), "value": base([]byte(s)), "headers": []any{},
		}}},
	}
}

func mqEvent(s string) any {
	return object{
		"eventSource": "aws:mq", "eventSourceArn": arn("mq", "broker:inbox:b-9bcfa592-423a-4942-879d-eb284b418fc8"),
		"messages": []any{object{
			"messageID":   "ID:b-9bcfa592-423a-4942-879d-eb284b418fc8-1.mq.eu-central-1.amazonaws.com-37557-1234520418293-4:1:1:1:1",
			"messageType": "jms/text-message", "deliveryMode": 1, "priority": 1, "redelivered": false, "destination": object{"physicalName": "inbox"},
			"data": base([]byte(s)), "timestamp": 1776414600123, "brokerInTime": 1776414600123, "brokerOutTime": 1776414600124, "properties": object{"index": "1"},
		}},
	}
}

// cwlogsEvent makes each line a log event.
func cwlogsEvent(s string) any {
	var events []any
	for i, line := range strings.Split(s, "\n") {
		events = append(events, object{"id": fmt.Sprintf("37841561%048d", i), "timestamp": 1776414600123 + i, "message": line})
	}
	data := encode(object{
		"messageType": "DATA_MESSAGE", "owner": account, "logGroup": "/aws/lambda/orders", "logStream": "2026/04/17/[$LATEST]5c7a1d0e8f2b4c6d",
		"subscriptionFilters": []string{"all"}, "logEvents": events,
	})
	return object{"awslogs": object{"data": base(compress(string(data)))}}
}

func webSocketEvent(s string) any {
	return object{
		"requestContext": object{
			"routeKey": "$default", "messageId": "Fs5xmplKjoECFlw=", "eventType": "MESSAGE", "messageDirection": "IN", "stage": "prod", "connectedAt": 1776414600123,
			"requestTimeEpoch": 1776414600456, "identity": object{"sourceIp": "198.51.100.23"}, "requestId": "Fs5xmplHjoEFi6A=", "domainName": "ws.example.com",
			"connectionId": "Fs5xmplDDoECHhw=", "apiId": "ws1xmpl7k2",
		},
		"body": s, "isBase64Encoded": false,
	}
}

func lexEvent(s string) any {
	intent := object{"name": "FallbackIntent", "slots": object{}, "state": "InProgress", "confirmationState": "None"}
	return object{
		"messageVersion": "1.0", "invocationSource": "DialogCodeHook", "inputMode": "Text", "sessionId": "us-41-8812", "inputTranscript": s,
		"bot":             object{"id": "XMPLBOT7Q2", "name": "Desk", "aliasId": "TSTALIASID", "aliasName": "prod", "localeId": "en_GB", "version": "3"},
		"interpretations": []any{object{"intent": intent}}, "sessionState": object{"sessionAttributes": object{}, "intent": intent, "originatingRequestId": "0c1d8d7e"},
		"transcriptions": []any{object{"transcription": s, "transcriptionConfidence": 1.0}},
	}
}

func s3Event(key string) any {
	return records(object{
		"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": region, "eventTime": "2026-04-17T08:30:00.123Z", "eventName": "ObjectCreated:Put",
		"userIdentity": object{"principalId": "AWS:AROAXMPL7Q2W3E4R5T6Y7:uploader"}, "requestParameters": object{"sourceIPAddress": "198.51.100.23"},
		"responseElements": object{"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
		"s3": object{
			"s3SchemaVersion": "1.0", "configurationId": "inbox", "bucket": object{"name": "inbox-bucket", "ownerIdentity": object{"principalId": "A3NL1KOZZKXMPL"}, "arn": "arn:aws:s3:::inbox-bucket"},
			"object": object{"key": strings.ReplaceAll(url.QueryEscape(key), "%2F", "/"), "size": 20480, "eTag": "0123456789abcdef0123456789abcdef", "sequencer": "0A1B2C3D4E5F678901"},
		},
	})
}

func authorizerEvent(token string) any {
	return object{"type": "TOKEN", "authorizationToken": token, "methodArn": arn("execute-api", "k3v9xmpl2c/prod/GET/orders")}
}

func eventBridgeEvent(detail json.RawMessage) (any, error) {
	return object{
		"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Record changed", "source": "com.example.desk", "account": account,
		"time": "2026-04-17T08:30:00Z", "region": region, "resources": []any{}, "detail": detail,
	}, nil
}

func appSyncEvent(arguments json.RawMessage) (any, error) {
	return object{
		"arguments": object{"input": arguments}, "source": nil,
		"identity": object{"sub": "b3f1c2d4", "username": "ann", "issuer": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_xmpl", "sourceIp": []string{"198.51.100.23"}},
		"request":  object{"headers": object{"host": "xmpl.appsync-api.eu-central-1.amazonaws.com", "user-agent": "desk/4.2"}, "domainName": nil},
		"info":     object{"fieldName": "saveRecord", "parentTypeName": "Mutation", "variables": object{}, "selectionSetList": []string{"id"}, "selectionSetGraphQL": "{\n  id\n}"},
	}, nil
}
