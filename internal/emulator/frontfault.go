package emulator

import (
	"io"
	"net/http"
)

// What each front says when there is no reply to pass on. None of them lets
// the function's error through to the client.

func (f *frontHandler) writeBadGateway(w http.ResponseWriter) {
	switch f.Kind {
	case FunctionURL:
		writePlain(w, http.StatusBadGateway, "Internal Server Error")
	case HTTPAPI:
		writeJSON(w, http.StatusInternalServerError, map[string]string{"message": "Internal Server Error"})
	case RESTAPI:
		writeJSON(w, http.StatusBadGateway, map[string]string{"message": "Internal server error"})
	default:
		writeHTML(w, http.StatusBadGateway)
	}
}

func (f *frontHandler) writeTooLarge(w http.ResponseWriter) {
	switch f.Kind {
	case ALB:
		writeHTML(w, http.StatusRequestEntityTooLarge)
	default:
		writeJSON(w, http.StatusRequestEntityTooLarge, map[string]string{"message": "Request Entity Too Large"})
	}
}

func (f *frontHandler) writeUnavailable(w http.ResponseWriter) {
	switch f.Kind {
	case ALB:
		writeHTML(w, http.StatusServiceUnavailable)
	default:
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"message": "Service Unavailable"})
	}
}

func writePlain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func writeHTML(w http.ResponseWriter, status int) {
	text := itoa(status) + " " + http.StatusText(status)
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	io.WriteString(w, "<html>\r\n<head><title>"+text+"</title></head>\r\n<body>\r\n<center><h1>"+text+"</h1></center>\r\n</body>\r\n</html>\r\n")
}
