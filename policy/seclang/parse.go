package seclang

// Source is one rule file.
type Source struct{ Name, Text string }

// Parse reads sources in order as one configuration, so that a directive may
// change a rule of an earlier source.
func Parse(sources ...Source) ([]Rule, error) { return nil, nil }
