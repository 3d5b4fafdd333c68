package extract

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/merlon-security/merlon/internal/logline"
	"github.com/merlon-security/merlon/internal/quarantine"
)

// find returns the quarantine lines in a line of input. The error says that
// there are some which cannot be read.
func find(line []byte) ([]quarantine.Line, error) {
	found, err := logline.Find(line, quarantine.Schema)
	var lines []quarantine.Line
	for _, f := range found {
		var l quarantine.Line
		if f.Schema != quarantine.Schema {
			err = errors.Join(err, fmt.Errorf("schema %q: want %s", f.Schema, quarantine.Schema))
		} else if uerr := json.Unmarshal(f.Text, &l); uerr != nil {
			err = errors.Join(err, fmt.Errorf("damaged: %w", uerr))
		} else {
			lines = append(lines, l)
		}
	}
	return lines, err
}
