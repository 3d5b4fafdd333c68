package event

import "slices"

// batch finds the records of a batch event: it fills Event.Records, and
// Event.Spans for the sources whose records can be removed. Anything called
// Records is counted, so that the leaves of each are judged on their own.
func (d *decoder) batch(doc int32, exact bool) {
	dc := &d.ev.docs[doc]
	d.records = recordNodes(dc, d.ev.Source)
	d.recordDoc = doc
	d.ev.Records = len(d.records)
	if !exact || !removable(d.ev.Source) {
		return
	}
	d.ev.Spans = make([]Record, len(d.records))
	for i, n := range d.records {
		d.ev.Spans[i] = dc.record(d.ev.Source, n)
	}
}

// removable reports whether an event of the source is still one without some of
// its records.
func removable(s Source) bool {
	switch s {
	case SQS, SNS, S3, S3Batch, DynamoDB, DocumentDB, Kinesis, Firehose, Kafka, MQ, SES, CodeCommit, Pipes,
		AppSyncBatch, AppSyncEvents:
		return true
	}
	return false
}

// recordNodes returns the records in document order.
func recordNodes(dc *document, s Source) (nodes []int32) {
	elements := func(list int32) {
		if list >= 0 && dc.nodes[list].kind == kindArray {
			dc.children(list, func(c int32) { nodes = append(nodes, c) })
		}
	}
	lists := func(n int32) { dc.children(n, elements) }
	switch s {
	case Pipes, AppSyncBatch:
		elements(0)
	case Kafka: // one list for each partition
		lists(dc.child(0, "records"))
	case MQ:
		elements(dc.child(0, "messages"))
		lists(dc.child(0, "rmqMessagesByQueue"))
	case S3Batch:
		elements(dc.child(0, "tasks"))
	case DocumentDB, AppSyncEvents:
		elements(dc.child(0, "events"))
	}
	if len(nodes) == 0 {
		elements(dc.child(0, "Records"))
	}
	if len(nodes) == 0 {
		elements(dc.child(0, "records"))
	}
	slices.Sort(nodes)
	return nodes
}

// recordOf tells in which record a node of the event's own document stands.
type recordOf struct {
	nodes []int32
	next  int
	at    int32 // current record, or -1
	end   int32 // its last node
}

// recordsFrom returns a cursor for a walk that starts at n.
func (d *decoder) recordsFrom(doc, n, fallback int32) recordOf {
	if doc != d.recordDoc || len(d.records) == 0 {
		return recordOf{at: fallback, end: 1<<31 - 1}
	}
	i, _ := slices.BinarySearch(d.records, n)
	if i > 0 && d.ev.docs[doc].nodes[d.records[i-1]].last >= n {
		i--
	}
	return recordOf{nodes: d.records, next: i, at: -1, end: n - 1}
}

// of returns the record of node c; the nodes it is asked for only grow.
func (r *recordOf) of(dc *document, c int32) int32 {
	if c <= r.end {
		return r.at
	}
	r.at = -1
	if r.next < len(r.nodes) && c >= r.nodes[r.next] {
		r.at, r.end = int32(r.next), dc.nodes[r.nodes[r.next]].last
		r.next++
	}
	return r.at
}
