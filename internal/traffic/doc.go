// Package traffic reads descriptions of benign messages and makes the Lambda
// events of them that a function would get: what people and programs send to
// functions all day, and what must therefore never be refused. It knows the
// shapes of events and nothing of inspecting them. Only tests and measurements
// import it.
//
// A description is a file of cases:
//
//	on: function-url sqs
//
//	== order-with-note
//	path: /orders?notify=mail
//	header: x-tenant: north
//
//	{"note": "select a gift and drop it at the door"}
//
// What stands before the first case holds for all of the file. The keys:
//
//	on      the carriers, each of which makes an event: see [Carriers]
//	method  of requests: POST if there is a text, else GET
//	path    the request's target, query included, as a client sends it
//	type    the content type; that of JSON or plain text if it says nothing
//	header  one header, "name: value"; may be repeated
//	cookie  one cookie, "name=value"; may be repeated
//	as      what the text is: "body"; "form", which is lines of name=value to be
//	        encoded; or "base64", which is bytes
//	eol     "crlf" ends the text's lines as mail and forms do
//	lines   makes each line of the text a vector of its own, and says where it
//	        stands: "query q, header user-agent, cookie c, form note, field name,
//	        segment /files, target, text"
//
// Non-HTTP carriers deliver the text, or the lines that are a field of a JSON
// document or a text by themselves.
package traffic
