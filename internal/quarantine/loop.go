package quarantine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
)

// loop returns an error if what is kept from ev would come back to this
// function. Only what the service itself writes is read: if a payload could name
// the bucket, whoever sends payloads could have them delivered.
func (k *Keeper) loop(ev *event.Event) error {
	switch {
	case k.target.queue != "" && queueOf(ev.Caller.SourceARN) == k.target.queue:
		return fmt.Errorf("the event comes from the quarantine queue %s", k.target.queue)
	case k.target.bucket != "" && fromBucket(ev, k.target.bucket):
		return fmt.Errorf("the event comes from the quarantine bucket %s", k.target.bucket)
	case k.target.log && ev.Source == event.CWLogs:
		group, err := logGroup(ev)
		if err != nil {
			return fmt.Errorf("cannot tell whose log this is: %w", err)
		}
		// Lambda keeps the name of the log group from extensions (AWS Lambda,
		// "Lambda Extensions API", environment variables), and it is configurable.
		if k.ownGroup == "" || group == k.ownGroup {
			return fmt.Errorf("the event may be this function's own log: it is of %s", group)
		}
	}
	return nil
}

// queueOf returns region:account:name of a queue's ARN.
func queueOf(arn string) string {
	_, queue, _ := strings.Cut(arn, ":sqs:")
	return queue
}

// fromBucket reports whether ev is a notification of the bucket, sent by S3
// itself or through EventBridge (Amazon S3, "Event message structure").
func fromBucket(ev *event.Event, bucket string) bool {
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		if l.Value != bucket || l.Name != "name" {
			continue
		}
		switch p := ev.Path(l).String(); {
		case ev.Source == event.S3 && l.Record >= 0 && p == fmt.Sprintf("Records[%d].s3.bucket.name", l.Record),
			ev.Source == event.EventBridge && p == "detail.bucket.name":
			return true
		}
	}
	return false
}

// logGroup reads the group that a CloudWatch Logs event is of, which stands
// beside its lines (CloudWatch Logs, "Subscription filters").
func logGroup(ev *event.Event) (string, error) {
	for i := range ev.Leaves {
		if l := &ev.Leaves[i]; l.Name == "logGroup" && ev.Path(l).String() == "awslogs.data.logGroup" {
			return l.Value, nil
		}
	}
	return "", errors.New("its data names no log group")
}
