package answer

import (
	"encoding/json"
	"slices"
)

// task is the result of one task of an S3 Batch Operations job: a failure that
// the job's report names and that is not tried again (Amazon S3, "Invoke AWS
// Lambda function").
type task struct {
	TaskID       string `json:"taskId"`
	ResultCode   string `json:"resultCode"`
	ResultString string `json:"resultString"`
}

func (r *removal) failedTask(i int) []byte {
	return marshal(task{r.records[i].ID, "PermanentFailure", "request refused, verdict " + r.id})
}

func (r *removal) failTasks() Reply {
	results := make([]json.RawMessage, 0, len(r.bad))
	for _, i := range r.bad {
		results = append(results, r.failedTask(i))
	}
	return reply(struct {
		InvocationSchemaVersion string            `json:"invocationSchemaVersion"`
		TreatMissingKeysAs      string            `json:"treatMissingKeysAs"`
		InvocationID            string            `json:"invocationId"`
		Results                 []json.RawMessage `json:"results"`
	}{r.ev.Text("invocationSchemaVersion"), "PermanentFailure", r.ev.Text("invocationId"), results})
}

// completeTasks adds the results of removed tasks to the function's.
func (r *removal) completeTasks(reply []byte) []byte {
	list, given, ok := listOf(reply, "results")
	if !ok {
		return nil
	}
	ids := idsOf(reply, given, "taskId")
	if slices.ContainsFunc(r.bad, func(i int) bool { return slices.Contains(ids, r.records[i].ID) }) {
		return nil
	}
	return insert(reply, list, given, r.places(ids), r.failedTask)
}
