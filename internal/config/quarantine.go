package config

// Store says where removed records are kept.
type Store uint8

const (
	StorePointer Store = iota // where the source can be read again, a pointer; else nothing is removed
	StoreLog                  // the function's log, sealed to MERLON_QUARANTINE_KEY
	StoreS3
	StoreSQS
	StoreOff // the verdict alone remains
)

func (s Store) String() string { return name(s, "pointer", "log", "s3", "sqs", "off") }

// Quarantine is a store and, for S3 and SQS, its address.
type Quarantine struct {
	Store  Store
	Target string // s3://bucket/prefix or the queue's URL
}

// String returns the text the variable accepts.
func (q Quarantine) String() string {
	if q.Target != "" {
		return q.Target
	}
	return q.Store.String()
}
