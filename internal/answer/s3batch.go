package answer

import "encoding/json"

// task is the result of one task of an S3 Batch Operations job: a failure that
// the job's report names and that is not tried again (Amazon S3, "Invoke AWS
// Lambda function").
type task struct {
	TaskID       string `json:"taskId"`
	ResultCode   string `json:"resultCode"`
	ResultString string `json:"resultString"`
}

func (r *removal) failedTask(i int) []byte {
	return marshal(task{r.records[i].ID, "PermanentFailure", refused(r.id)})
}

func (r *removal) failTasks() Reply {
	return reply(struct {
		InvocationSchemaVersion string            `json:"invocationSchemaVersion"`
		TreatMissingKeysAs      string            `json:"treatMissingKeysAs"`
		InvocationID            string            `json:"invocationId"`
		Results                 []json.RawMessage `json:"results"`
	}{r.ev.Text("invocationSchemaVersion"), "PermanentFailure", r.ev.Text("invocationId"), r.entries(r.failedTask)})
}

// completeTasks adds the results of removed tasks to the function's.
func (r *removal) completeTasks(reply []byte) []byte {
	return r.completeList(reply, "results", "taskId", r.failedTask)
}
