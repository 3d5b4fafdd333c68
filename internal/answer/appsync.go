package answer

import "encoding/json"

// resolved is the result of one resolver of a batch: nothing, and an error that
// stands beside the data of the others in the GraphQL response (AWS AppSync,
// "Handling individual errors" of batch invocations).
type resolved struct {
	Data         *struct{} `json:"data"`
	ErrorMessage string    `json:"errorMessage"`
	ErrorType    string    `json:"errorType"`
}

func (r *removal) failedResolver(int) []byte {
	return marshal(resolved{ErrorMessage: refused(r.id), ErrorType: blockedType})
}

func (r *removal) failResolvers() Reply { return reply(r.entries(r.failedResolver)) }

// completeResolvers puts an error where each removed resolver stood: AppSync
// goes by position, and wants as many results as it sent contexts. A reply of
// another length is invalid with or without ours.
func (r *removal) completeResolvers(reply []byte) []byte {
	if !json.Valid(reply) {
		return nil
	}
	given, ok := elements(reply, whole(reply))
	if !ok || len(given) != len(r.records)-len(r.bad) {
		return nil
	}
	var where []place
	at := 0
	for i := range r.records {
		if r.gone(i) {
			where = append(where, place{i, at})
		} else {
			at++
		}
	}
	return insert(reply, bracketed(reply), given, where, r.failedResolver)
}

// published is the answer for one event of AppSync Events: its publisher hears
// of the error, no subscriber sees the event (AWS AppSync, "Channel namespace
// handlers, Lambda").
type published struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

func (r *removal) failedEvent(i int) []byte {
	return marshal(published{r.records[i].ID, refused(r.id)})
}

func (r *removal) failEvents() Reply {
	return reply(struct {
		Events []json.RawMessage `json:"events"`
	}{r.entries(r.failedEvent)})
}

func (r *removal) completeEvents(reply []byte) []byte {
	return r.completeList(reply, "events", "id", r.failedEvent)
}
