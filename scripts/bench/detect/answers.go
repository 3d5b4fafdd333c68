package main

import (
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// answers remembers what the peers said of an event, in a file: they are pinned,
// take minutes, and say the same of the same input. The key is the input as the
// peer gets it, so that a change in decoding asks anew.
type answers struct {
	path string
	mu   sync.Mutex
	said map[[sha256.Size]byte]bool
}

func openAnswers(path string) (*answers, error) {
	a := &answers{path: path, said: map[[sha256.Size]byte]bool{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := gob.NewDecoder(f).Decode(&a.said); err != nil {
		return nil, fmt.Errorf("read %q: %w (remove it)", path, err)
	}
	return a, nil
}

func (a *answers) get(k [sha256.Size]byte) (said, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	said, known = a.said[k]
	return said, known
}

func (a *answers) put(k [sha256.Size]byte, said bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said[k] = said
}

func (a *answers) save() error {
	if a.path == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := os.Create(a.path)
	if err != nil {
		return err
	}
	return errors.Join(gob.NewEncoder(f).Encode(a.said), f.Close())
}

// key names an engine's input.
func key(title string, e *sample.Event) [sha256.Size]byte {
	input := *e
	input.Lambda = nil
	text, err := json.Marshal(input)
	if err != nil {
		panic("bug: an event does not marshal: " + err.Error())
	}
	return sha256.Sum256(append([]byte(title+"\x00"), text...))
}
