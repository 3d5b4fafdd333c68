package sink

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi"
	"github.com/merlon-security/merlon/internal/report"
)

// AWS is where the function's role is used.
type AWS struct {
	Env     func(name string) string
	Now     func() time.Time
	Network awsapi.Network
}

// maxAnswer bounds what is read of a reply: Firehose's has up to 300 bytes for
// each of 500 records.
const maxAnswer = 256 << 10

// service calls the operations of one service that speaks AWS JSON 1.1.
type service struct {
	client *awsapi.Client
	url    string
	prefix string // of X-Amz-Target
	now    func() time.Time
}

func newService(a AWS, name, prefix string) (service, error) {
	region := a.Env("AWS_REGION")
	host, err := awsapi.Host(name, region)
	if err != nil {
		return service{}, err
	}
	c := awsapi.New(awsapi.Options{Env: a.Env, Now: a.Now, MaxReply: maxAnswer}, name, region, a.Network)
	return service{client: c, url: "https://" + host + "/", prefix: prefix, now: a.Now}, nil
}

// call returns the reply to an operation, or a *report.Refusal.
func (s service) call(ctx context.Context, operation string, input any) ([]byte, error) {
	body, err := json.Marshal(input)
	if err != nil {
		return nil, &report.Refusal{Err: errors.New("a line cannot be encoded"), Final: true}
	}
	header := map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": s.prefix + operation}
	reply, err := s.client.Do(ctx, http.MethodPost, s.url, header, body)
	var refusal *awsapi.Refusal
	switch {
	case err == nil:
		return reply, nil
	case errors.As(err, &refusal):
		r := refused(refusal.Status, refusal.Wait, refusal.Code, s.now())
		if throttled(refusal.Code) {
			r.Final = false
		}
		return nil, r
	}
	return nil, &report.Refusal{Err: failure(ctx, err)}
}

// throttled reports whether a code asks for patience; they come with status 400.
func throttled(code string) bool {
	return strings.Contains(code, "Throttl") || strings.Contains(code, "LimitExceeded") || strings.Contains(code, "ServiceUnavailable") ||
		strings.Contains(code, "TooManyRequests")
}

// firehose puts lines into a stream of Amazon Data Firehose.
type firehose struct {
	service
	stream string
}

// Firehose makes a sink for a stream of the function's own account and region.
func Firehose(a AWS, stream string) (report.Sink, error) {
	s, err := newService(a, "firehose", "Firehose_20150804.")
	if err != nil {
		return nil, err
	}
	return &firehose{s, stream}, nil
}

func (f *firehose) Name() string { return "firehose" }

func (f *firehose) Takes(report.Kind) bool { return true }

// Batch keeps the limits of PutRecordBatch: 500 records, 4 MiB before they are
// encoded.
func (f *firehose) Batch(queue []report.Item) int { return fit(queue, 500, 4<<20, 0) }

type firehoseRecord struct {
	Data []byte // in base64, as encoding/json writes bytes
}

func (f *firehose) Send(ctx context.Context, batch []report.Item) (report.Receipt, error) {
	input := struct {
		DeliveryStreamName string
		Records            []firehoseRecord
	}{DeliveryStreamName: f.stream}
	for _, it := range batch {
		input.Records = append(input.Records, firehoseRecord{it.Line})
	}
	reply, err := f.call(ctx, "PutRecordBatch", input)
	if err != nil {
		return report.Receipt{}, err
	}
	return failedRecords(reply, batch), nil
}

// failedRecords finds out which records were not taken: the reply has an entry
// for each, in their order, with a code for those (Firehose API Reference,
// "PutRecordBatch").
func failedRecords(reply []byte, batch []report.Item) report.Receipt {
	var out struct {
		FailedPutCount   int
		RequestResponses []struct{ ErrorCode string }
	}
	if json.Unmarshal(reply, &out) != nil || out.FailedPutCount == 0 || len(out.RequestResponses) != len(batch) {
		return report.Receipt{}
	}
	var r report.Receipt
	for i, e := range out.RequestResponses {
		if e.ErrorCode != "" {
			r.Again = append(r.Again, batch[i])
		}
	}
	return r
}

// logGroup puts lines into a log group of its own, one stream for each
// environment.
type logGroup struct {
	service
	group, stream string
	made          bool
}

// LogGroup makes a sink for a log group of the function's own account and
// region. stream is the name of this environment's log stream.
func LogGroup(a AWS, group, stream string) (report.Sink, error) {
	s, err := newService(a, "logs", "Logs_20140328.")
	if err != nil {
		return nil, err
	}
	return &logGroup{service: s, group: group, stream: stream}, nil
}

func (l *logGroup) Name() string { return "logs" }

// Takes leaves summaries out: CloudWatch makes metrics of them in any group, and
// has them from the function's own.
func (l *logGroup) Takes(k report.Kind) bool { return k == report.KindVerdict }

const (
	// logEvents, logBytes and logOverhead are the limits of PutLogEvents: events
	// in a request, bytes in a request, and bytes that each event counts more than
	// its text (CloudWatch Logs API Reference).
	logEvents   = 10_000
	logBytes    = 1 << 20
	logOverhead = 26
	// logSpan is how far apart the events of a request may be.
	logSpan = 24 * time.Hour
)

// Batch ends before an event that is older than the one before it, because a
// request must be in the order of time, and before one a day later.
func (l *logGroup) Batch(queue []report.Item) int {
	n := fit(queue, logEvents, logBytes, logOverhead)
	for i := 1; i < n; i++ {
		if queue[i].Time.UnixMilli() < queue[i-1].Time.UnixMilli() || queue[i].Time.Sub(queue[0].Time) >= logSpan {
			return i
		}
	}
	return n
}

type logEvent struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

func (l *logGroup) Send(ctx context.Context, batch []report.Item) (report.Receipt, error) {
	if !l.made {
		if err := l.create(ctx); err != nil {
			return report.Receipt{}, err
		}
	}
	input := struct {
		LogGroupName  string     `json:"logGroupName"`
		LogStreamName string     `json:"logStreamName"`
		LogEvents     []logEvent `json:"logEvents"`
	}{l.group, l.stream, make([]logEvent, 0, len(batch))}
	for _, it := range batch {
		input.LogEvents = append(input.LogEvents, logEvent{it.Time.UnixMilli(), strings.TrimSuffix(string(it.Line), "\n")})
	}
	reply, err := l.call(ctx, "PutLogEvents", input)
	if err != nil {
		if coded(err, "ResourceNotFoundException") {
			l.made = false // somebody deleted the stream
			err = &report.Refusal{Err: err}
		}
		return report.Receipt{}, err
	}
	return report.Receipt{Rejected: rejectedEvents(reply, len(batch))}, nil
}

// create makes the log stream. The group is the deployer's: it has a retention.
func (l *logGroup) create(ctx context.Context) error {
	_, err := l.call(ctx, "CreateLogStream", map[string]string{"logGroupName": l.group, "logStreamName": l.stream})
	if err != nil && !coded(err, "ResourceAlreadyExistsException") {
		return err
	}
	l.made = true
	return nil
}

// coded reports whether a refusal names the code.
func coded(err error, code string) bool { return strings.HasSuffix(err.Error(), " "+code) }

// rejectedEvents counts the events that were too old or too new.
func rejectedEvents(reply []byte, n int) int {
	var out struct {
		RejectedLogEventsInfo *struct {
			TooNewLogEventStartIndex *int `json:"tooNewLogEventStartIndex"`
			TooOldLogEventEndIndex   int  `json:"tooOldLogEventEndIndex"`
			ExpiredLogEventEndIndex  int  `json:"expiredLogEventEndIndex"`
		} `json:"rejectedLogEventsInfo"`
	}
	if json.Unmarshal(reply, &out) != nil || out.RejectedLogEventsInfo == nil {
		return 0
	}
	r := out.RejectedLogEventsInfo
	lost := max(r.TooOldLogEventEndIndex, r.ExpiredLogEventEndIndex)
	if r.TooNewLogEventStartIndex != nil {
		lost += n - *r.TooNewLogEventStartIndex
	}
	return max(0, min(lost, n))
}
