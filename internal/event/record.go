package event

// Record is one record of a batch event: what can be removed without the
// others.
type Record struct {
	// Start and End are the span of the record's JSON in the event's bytes.
	Start, End int
	// ID is what the source calls the record and wants to hear of it: an SQS
	// messageId, a stream's sequence number, a Firehose recordId, an S3 Batch
	// taskId. Empty if it has none.
	ID string
	// Pointer says where the record can be read again after it is gone from the
	// event, such as shard and sequence number, topic, partition and offset, or
	// bucket, key and version. Empty where it cannot.
	Pointer string
	// Group orders records: an SQS FIFO message group. Empty where none does.
	Group string
	// Receives is how often SQS has delivered the message, this time included; 0
	// where the source does not count.
	Receives int
}
