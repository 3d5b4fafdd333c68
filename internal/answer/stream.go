package answer

// passOver answers for a stream batch of which nothing is left. It reports no
// failure: the source would deliver the batch again until the records expire,
// and everything behind them would wait.
func (r *removal) passOver() Reply { return reply(batchFailures(nil)) }

// passPipe answers for a pipe's batch of which nothing is left. As a target the
// function has reported no failure, as an enrichment it has nothing to hand on,
// and the pipe does not go on to its target (Amazon EventBridge, "Pipes batching",
// "Filtering with enrichment").
func (r *removal) passPipe() Reply { return reply([]string{}) }
