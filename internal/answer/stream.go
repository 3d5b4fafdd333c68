package answer

// passOver answers for a stream batch of which nothing is left. It reports no
// failure: the source would deliver the batch again until the records expire,
// and everything behind them would wait.
func (r *removal) passOver() Reply { return reply(batchFailures(nil)) }
