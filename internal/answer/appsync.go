package answer

import (
	"encoding/json"
	"slices"
)

// resolved is the result of one resolver of a batch: nothing, and an error that
// stands beside the data of the others in the GraphQL response (AWS AppSync,
// "Handling individual errors" of batch invocations).
type resolved struct {
	Data         *struct{} `json:"data"`
	ErrorMessage string    `json:"errorMessage"`
	ErrorType    string    `json:"errorType"`
}

func (r *removal) failedResolver(int) []byte {
	return marshal(resolved{ErrorMessage: "request refused, verdict " + r.id, ErrorType: "Merlon.Blocked"})
}

func (r *removal) failResolvers() Reply {
	results := make([]json.RawMessage, 0, len(r.bad))
	for _, i := range r.bad {
		results = append(results, r.failedResolver(i))
	}
	return reply(results)
}

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
	return marshal(published{r.records[i].ID, "request refused, verdict " + r.id})
}

func (r *removal) failEvents() Reply {
	results := make([]json.RawMessage, 0, len(r.bad))
	for _, i := range r.bad {
		results = append(results, r.failedEvent(i))
	}
	return reply(struct {
		Events []json.RawMessage `json:"events"`
	}{results})
}

func (r *removal) completeEvents(reply []byte) []byte {
	list, given, ok := listOf(reply, "events")
	if !ok {
		return nil
	}
	ids := idsOf(reply, given, "id")
	if slices.ContainsFunc(r.bad, func(i int) bool { return slices.Contains(ids, r.records[i].ID) }) {
		return nil
	}
	return insert(reply, list, given, r.places(ids), r.failedEvent)
}
