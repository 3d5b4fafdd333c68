// Package contract reads what others have written down of a function's interface,
// OpenAPI documents, SAM and CloudFormation templates and JSON Schemas, and makes
// profiles of it. What a profile cannot say of a contract it leaves open: nothing
// that keeps to the contract may depart from it. It knows no traffic.
package contract
