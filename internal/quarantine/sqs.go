package quarantine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi"
)

// sqsStore sends messages of lines to a queue.
type sqsStore struct {
	remote *awsapi.Client
	limit  time.Duration // of one put
	host   string
	queue  string // the queue's URL
}

// messageBytes bounds a message. SQS takes 1 MiB, but the limit of a queue can
// be set lower, and was 256 KiB until 2025 (Amazon SQS, "Message quotas").
const messageBytes = 200 << 10

func newSQS(o Options, t *target, n awsapi.Network) (*sqsStore, error) {
	bad := fmt.Errorf("MERLON_QUARANTINE=%q: want https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE", o.Target)
	name, path, _ := strings.Cut(strings.TrimPrefix(o.Target, "https://"), "/")
	account, queue, _ := strings.Cut(path, "/")
	region, _, _ := strings.Cut(strings.TrimPrefix(name, "sqs."), ".")
	h, err := awsapi.Host("sqs", region)
	if err != nil {
		return nil, errors.Join(bad, err)
	}
	if h != name || len(account) != 12 || strings.Trim(account, "0123456789") != "" || !queueName(queue) {
		return nil, bad
	}
	t.queue = region + ":" + account + ":" + queue
	return &sqsStore{limit: storeCap, remote: awsapi.New(awsapi.Options{Env: o.Env, Now: o.Now}, "sqs", region, n), host: h, queue: o.Target}, nil
}

func queueName(s string) bool {
	s = strings.TrimSuffix(s, ".fifo")
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return s != "" && len(s) <= 80 && strings.Trim(s, plain) == ""
}

// put packs lines into as few messages as they fit in.
func (s *sqsStore) put(ctx context.Context, id string, lines [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	for n := 0; len(lines) > 0; n++ {
		size, count := 0, 0
		for count < len(lines) && (count == 0 || size+len(lines[count]) <= messageBytes) {
			size += len(lines[count])
			count++
		}
		if err := s.send(ctx, fmt.Sprintf("%s-%d", id, n), bytes.Join(lines[:count], nil)); err != nil {
			return fmt.Errorf("quarantine to SQS: %w", err)
		}
		lines = lines[count:]
	}
	return nil
}

// send is SendMessage of the AWS JSON protocol (Amazon SQS API Reference).
func (s *sqsStore) send(ctx context.Context, id string, body []byte) error {
	message := map[string]string{"QueueUrl": s.queue, "MessageBody": string(body)}
	if strings.HasSuffix(s.queue, ".fifo") {
		message["MessageGroupId"], message["MessageDeduplicationId"] = "merlon", id
	}
	header := map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
	reply, err := s.remote.Do(ctx, http.MethodPost, "https://"+s.host+"/", header, marshal(message))
	if err != nil {
		return err
	}
	var receipt struct{ MessageID string }
	if json.Unmarshal(reply, &receipt) != nil || receipt.MessageID == "" {
		return errors.New("the reply is no receipt")
	}
	return nil
}
