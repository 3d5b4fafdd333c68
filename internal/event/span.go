package event

import "strings"

// record describes one record. The members are those that the AWS Lambda
// developer guide shows for each source.
func (d *document) record(s Source, n int32) Record {
	nd := &d.nodes[n]
	r := Record{Start: int(nd.start), End: int(nd.end)}
	if s == Pipes {
		if s = recordSources[d.at(n, "eventSource")]; s == "" {
			s = Pipes
		}
	}
	switch s {
	case SQS:
		r.ID = d.at(n, "messageId")
		r.Group = d.at(n, "attributes", "MessageGroupId")
		r.Receives = number(d.at(n, "attributes", "ApproximateReceiveCount"))
	case SNS:
		r.ID = d.at(n, "Sns", "MessageId")
	case S3:
		r.Pointer = object(d.at(n, "s3", "bucket", "name"), d.at(n, "s3", "object", "key"), d.at(n, "s3", "object", "versionId"))
	case S3Batch:
		r.ID = d.at(n, "taskId")
		bucket := firstOf(d.at(n, "s3Bucket"), d.at(n, "s3BucketArn"))
		r.Pointer = object(strings.TrimPrefix(bucket, "arn:aws:s3:::"), d.at(n, "s3Key"), d.at(n, "s3VersionId"))
	case DynamoDB:
		r.ID = d.at(n, "dynamodb", "SequenceNumber")
		r.Pointer = pointer(d.at(n, "eventSourceARN"), r.ID)
	case Kinesis:
		r.ID = firstOf(d.at(n, "kinesis", "sequenceNumber"), d.at(n, "sequenceNumber"))
		r.Pointer = pointer(d.at(n, "eventSourceARN"), firstOf(d.at(n, "eventID"), r.ID))
	case Firehose:
		r.ID = d.at(n, "recordId")
		shard, seq := d.at(n, "kinesisRecordMetadata", "shardId"), d.at(n, "kinesisRecordMetadata", "sequenceNumber")
		if shard != "" && seq != "" {
			r.Pointer = pointer(d.text(d.child(0, "sourceKinesisStreamArn")), shard+":"+seq)
		}
	case SES:
		r.ID = d.at(n, "ses", "mail", "messageId")
	case CodeCommit:
		r.ID = d.at(n, "eventId")
	case DocumentDB:
		r.ID = d.at(n, "event", "_id", "_data")
		r.Pointer = pointer(d.text(d.child(0, "eventSourceArn")), r.ID)
	case AppSyncEvents:
		r.ID = d.at(n, "id")
	default: // Kafka and MQ, also out of a pipe
		d.queued(n, &r)
	}
	return r
}

// queued describes a record of a broker: Kafka's has a place in its partition,
// those of a queue have an identifier and are gone once they are read.
func (d *document) queued(n int32, r *Record) {
	topic, partition, offset := d.at(n, "topic"), d.at(n, "partition"), d.at(n, "offset")
	if topic != "" && offset != "" {
		r.ID = topic + "-" + partition + "@" + offset
		r.Pointer = topic + "/" + partition + "/" + offset
		return
	}
	r.ID = firstOf(d.at(n, "messageID"), d.at(n, "basicProperties", "messageId"))
}

// down returns the node at the end of a chain of members of n, -1 if there is
// none.
func (d *document) down(n int32, keys ...string) int32 {
	for _, k := range keys {
		n = d.child(n, k)
	}
	return n
}

// at returns the string or number at the end of a chain of members of n; empty
// if there is none.
func (d *document) at(n int32, keys ...string) string {
	n = d.down(n, keys...)
	if n < 0 || d.nodes[n].kind != kindString && d.nodes[n].kind != kindNumber {
		return ""
	}
	return d.nodes[n].val
}

// pointer joins a source and a position in it.
func pointer(source, position string) string {
	if source == "" || position == "" {
		return ""
	}
	return source + " " + position
}

// object names an object with the key as the event writes it, URL-encoded.
func object(bucket, key, version string) string {
	if bucket == "" || key == "" {
		return ""
	}
	p := "s3://" + bucket + "/" + key
	if version != "" {
		p += "?versionId=" + version
	}
	return p
}

// number reads a small count; 0 if it is none.
func number(s string) (n int) {
	if len(s) == 0 || len(s) > 9 {
		return 0
	}
	for i := 0; i < len(s); i++ {
		if !digit(s[i]) {
			return 0
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}
