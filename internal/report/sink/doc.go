// Package sink sends lines to receivers other than the function's log: HTTP
// endpoints that take OTLP, lines or OCSF findings, Amazon Data Firehose, and a
// log group of CloudWatch's. It owns formats, requests and what a reply means;
// it knows no queue, no schedule and no retry: package report has these.
//
// A receiver is trusted with verdicts and with nothing else. It cannot redirect
// a request, make us read more than a few kilobytes, or have its reply logged;
// no error quotes an address, because addresses of webhooks are secrets.
package sink
