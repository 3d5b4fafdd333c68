// Package awsapi sends requests to AWS services as the function's role: it owns
// the signature, the credentials and where they come from, the endpoints, and
// what is tried once more. It knows no operation of any service, and reads no
// file and no setting by which the function's code could redirect it.
package awsapi
