package verdict

// LearnedSchema names the format of a Learned.
const LearnedSchema = "merlon.delta/1"

// Learned is a line in which an environment tells what of an event was new to it.
// It holds no value of the event: places, and what stood there looks like.
type Learned struct {
	Schema    string    `json:"schema"`
	Timestamp Timestamp `json:"timestamp"`
	Level     string    `json:"level"`
	Function  string    `json:"function"`
	CodeID    string    `json:"codeId,omitempty"`
	Env       Env       `json:"env"`
	Delta     any       `json:"delta"` // a profile.Delta
	MAC       string    `json:"mac,omitempty"`
}
