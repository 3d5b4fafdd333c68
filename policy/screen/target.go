package screen

import "strings"

// slot is one collection, or one origin of it, that values of a transaction stand in.
type slot uint8

const (
	slotMethod slot = iota
	slotProtocol
	slotURI
	slotURIRaw
	slotLine
	slotFilename
	slotBasename
	slotQuery
	slotURIFault
	slotRemote
	slotBody
	slotBodyLength
	slotCombined
	slotReplyStatus
	slotReplyBody
	slotArgGet
	slotArgPost
	slotArgPath
	slotArgGetName
	slotArgPostName
	slotArgPathName
	slotCookie
	slotCookieName
	slotHeader
	slotHeaderName
	slotReplyHeader
	slotReplyHeaderName
	slotCount
)

// slotsOf maps the variables the screen computes to their slots.
var slotsOf = map[string][]slot{
	"REQUEST_METHOD":        {slotMethod},
	"REQUEST_PROTOCOL":      {slotProtocol},
	"REQUEST_URI":           {slotURI},
	"REQUEST_URI_RAW":       {slotURIRaw},
	"REQUEST_LINE":          {slotLine},
	"REQUEST_FILENAME":      {slotFilename},
	"REQUEST_BASENAME":      {slotBasename},
	"QUERY_STRING":          {slotQuery},
	"URI_PARSE_ERROR":       {slotURIFault},
	"REMOTE_ADDR":           {slotRemote},
	"REQUEST_BODY":          {slotBody},
	"REQUEST_BODY_LENGTH":   {slotBodyLength},
	"ARGS_COMBINED_SIZE":    {slotCombined},
	"ARGS":                  {slotArgGet, slotArgPost, slotArgPath},
	"ARGS_GET":              {slotArgGet},
	"ARGS_POST":             {slotArgPost},
	"ARGS_PATH":             {slotArgPath},
	"ARGS_NAMES":            {slotArgGetName, slotArgPostName, slotArgPathName},
	"ARGS_GET_NAMES":        {slotArgGetName},
	"ARGS_POST_NAMES":       {slotArgPostName},
	"REQUEST_COOKIES":       {slotCookie},
	"REQUEST_COOKIES_NAMES": {slotCookieName},
	"REQUEST_HEADERS":       {slotHeader},
	"REQUEST_HEADERS_NAMES": {slotHeaderName},
}

// replySlotsOf are those of a program for responses besides.
var replySlotsOf = map[string][]slot{
	"RESPONSE_STATUS":        {slotReplyStatus},
	"RESPONSE_BODY":          {slotReplyBody},
	"RESPONSE_HEADERS":       {slotReplyHeader},
	"RESPONSE_HEADERS_NAMES": {slotReplyHeaderName},
}

// slotsOf returns the slots of a variable, if the program computes it.
func (c *compiler) slotsOf(variable string) ([]slot, bool) {
	if slots, ok := slotsOf[variable]; ok {
		return slots, true
	}
	slots, ok := replySlotsOf[variable]
	return slots, ok && c.opt.Responses
}

// absent are the collections that are empty unless Input.Opaque says otherwise.
// MATCHED_VARS is empty where a rule starts.
var absent = map[string]bool{
	"FILES": true, "FILES_NAMES": true, "FILES_SIZES": true, "FILES_TMP_CONTENT": true, "FILES_TMPNAMES": true,
	"FILES_TMP_NAMES": true, "JSON": true, "XML": true, "REQUEST_XML": true, "MULTIPART_FILENAME": true,
	"MULTIPART_FILENAME_CHARSET": true, "MULTIPART_FILENAME_LANGUAGE": true, "MULTIPART_NAME": true,
	"MULTIPART_PART_HEADERS": true, "MATCHED_VARS": true, "MATCHED_VARS_NAMES": true, "GEO": true,
}

// initial are the single variables that keep the value a transaction starts
// with unless Input.Opaque says otherwise (Coraza 3.8.1, WAF.newTransaction).
var initial = map[string]string{
	"FILES_COMBINED_SIZE": "0", "URLENCODED_ERROR": "0", "REQBODY_ERROR": "0", "REQBODY_PROCESSOR_ERROR": "0",
	"REQBODY_ERROR_MSG": "", "REQBODY_PROCESSOR_ERROR_MSG": "", "MULTIPART_STRICT_ERROR": "",
	"MULTIPART_DATA_AFTER": "0", "MULTIPART_DUPLICATE_PART_HEADER": "0", "MULTIPART_INVALID_QUOTING": "0",
	"INBOUND_DATA_ERROR": "", "OUTBOUND_DATA_ERROR": "0",
}

// headSlots are those that exist only for an HTTP request.
var headSlots = slotMask(slotMethod, slotProtocol, slotURI, slotURIRaw, slotLine, slotFilename, slotBasename,
	slotQuery, slotURIFault, slotRemote, slotCookie, slotCookieName, slotHeader, slotHeaderName)

// slotSet is a set of slots.
type slotSet uint32

func slotMask(slots ...slot) (m slotSet) {
	for _, s := range slots {
		m |= 1 << s
	}
	return m
}

func (m slotSet) has(s slot) bool { return m&(1<<s) != 0 }

// equalKey reports whether name and the lower-case key name the same element:
// Coraza lower-cases names by Unicode.
func equalKey(name, key string) bool {
	if len(name) != len(key) {
		return !ascii(name) && strings.ToLower(name) == key
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 0x80 {
			return strings.ToLower(name) == key
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != key[i] {
			return false
		}
	}
	return true
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
