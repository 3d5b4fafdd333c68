package emulator

import (
	"encoding/json"
	"net/http"
)

// writeJSON answers with a document; the Runtime API's own content type.
func writeJSON(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		panic("bug: answer does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

func writeAPIError(w http.ResponseWriter, status int, errorType, message string) {
	writeJSON(w, status, map[string]string{"errorMessage": message, "errorType": errorType})
}

func writeAccepted(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func writeInvalidState(w http.ResponseWriter, err error) {
	writeAPIError(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
}

func writeTooLate(w http.ResponseWriter) {
	writeAPIError(w, http.StatusGone, "InvokeTimeout", "Invoke timeout")
}

func writeTooLarge(w http.ResponseWriter) {
	writeAPIError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", errTooLarge.Error())
}

func writeInvalidRequestID(w http.ResponseWriter) {
	writeAPIError(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
}
