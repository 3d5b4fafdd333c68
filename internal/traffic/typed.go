package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// dynamoDBEvent writes a document as the attribute values of a stream record.
func dynamoDBEvent(d json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(d))
	dec.UseNumber()
	var doc object
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	return records(object{
		"eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": region,
		"dynamodb": object{
			"ApproximateCreationDateTime": 1776414600, "Keys": object{"pk": object{"S": "record#17"}}, "NewImage": attribute(doc)["M"],
			"SequenceNumber": "4421584500000000017450439091", "SizeBytes": len(d), "StreamViewType": "NEW_AND_OLD_IMAGES",
		},
		"eventSourceARN": arn("dynamodb", "table/inbox/stream/2026-01-27T00:48:05.899"),
	}), nil
}

func attribute(v any) object {
	switch v := v.(type) {
	case string:
		return object{"S": v}
	case json.Number:
		return object{"N": v.String()}
	case bool:
		return object{"BOOL": v}
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, attribute(e))
		}
		return object{"L": list}
	case object:
		m := object{}
		for k, e := range v {
			m[k] = attribute(e)
		}
		return object{"M": m}
	}
	return object{"NULL": true}
}

func cognitoEvent(d json.RawMessage) (any, error) {
	attributes, err := stringsOf(d)
	return object{
		"version": "1", "triggerSource": "PreSignUp_SignUp", "region": region, "userPoolId": "eu-central-1_xmpl9Q2w", "userName": "5f1c7a2e",
		"callerContext": object{"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "7q2w3e4r5t6y7u8i9o0pxmpl"},
		"request":       object{"userAttributes": attributes, "validationData": nil}, "response": object{"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false},
	}, err
}

func connectEvent(d json.RawMessage) (any, error) {
	attributes, err := stringsOf(d)
	number := func(n string) object { return object{"Address": n, "Type": "TELEPHONE_NUMBER"} }
	return object{"Name": "ContactFlowEvent", "Details": object{
		"ContactData": object{
			"Attributes": attributes, "Channel": "VOICE", "ContactId": "4a573372-1f28-4e26-b97b-6e0e3d0f6a11", "InitiationMethod": "INBOUND",
			"CustomerEndpoint": number("+41445550117"), "SystemEndpoint": number("+41445550100"), "InstanceARN": arn("connect", "instance/9308c2a1-9bc6-4cea-8290-6c0b4a6d38fa"), "Queue": nil,
		},
		"Parameters": attributes,
	}}, err
}

// stringsOf writes the members of a document as what carries strings only wants
// them.
func stringsOf(d json.RawMessage) (map[string]string, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(d, &doc); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for k, v := range doc {
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		out[k] = s
	}
	return out, nil
}

// sesEvent takes the headers of a mail, one a line.
func sesEvent(m *message) ([]byte, error) {
	headers, common := []any{}, object{"returnPath": "ann@example.com", "date": "Fri, 17 Apr 2026 08:30:00 +0000", "messageId": "<CAB7f3xmpl@mail.example.com>"}
	for line := range strings.Lines(string(m.body)) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		if !ok {
			return nil, fmt.Errorf("%q is no header of a mail", line)
		}
		headers = append(headers, object{"name": name, "value": value})
		switch name {
		case "Subject":
			common["subject"] = value
		case "From", "To":
			common[strings.ToLower(name)] = []string{value}
		}
	}
	pass := object{"status": "PASS"}
	return encode(records(object{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": object{
		"mail": object{
			"timestamp": "2026-04-17T08:30:00.123Z", "source": "ann@example.com", "messageId": "o3vrnil0e2ic28trm7dfhrc2v0clambda4nbp0g1",
			"destination": []string{"desk@example.org"}, "headersTruncated": false, "headers": headers, "commonHeaders": common,
		},
		"receipt": object{
			"timestamp": "2026-04-17T08:30:00.123Z", "processingTimeMillis": 574, "recipients": []string{"desk@example.org"}, "spamVerdict": pass, "virusVerdict": pass,
			"spfVerdict": pass, "dkimVerdict": pass, "dmarcVerdict": pass, "action": object{"type": "Lambda", "functionArn": arn("lambda", "function:desk"), "invocationType": "Event"},
		},
	}})), nil
}
