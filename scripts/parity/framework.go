package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// testcase is one event, or one text in base64, in the form that the scripts read.
type testcase struct {
	ID     int    `json:"id"`
	Family string `json:"family"`
	Event  []byte `json:"event"`
	Text   string `json:"text,omitempty"`

	front  string // who delivers the event, for people
	placed bool   // see base64Event
}

// ask gives all cases to a program and returns what it shows of each.
func ask(dir string, cases []testcase, command ...string) ([][]shown, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	w := bufio.NewWriterSize(in, 1<<16)
	enc := json.NewEncoder(w)
	for i := range cases {
		if err = enc.Encode(&cases[i]); err != nil {
			break // the program has ended; why is said by Wait
		}
	}
	if err == nil {
		err = w.Flush()
	}
	_ = in.Close()
	if werr := cmd.Wait(); werr != nil {
		return nil, fmt.Errorf("%v: %w", command, werr)
	}
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", command[0], err)
	}
	return answers(&out, len(cases))
}

// answers reads one answer for each case, in any order.
func answers(r io.Reader, n int) ([][]shown, error) {
	all := make([][]shown, n)
	got := 0
	for dec := json.NewDecoder(r); ; got++ {
		var a struct {
			ID   int         `json:"id"`
			Seen [][3]string `json:"seen"`
		}
		if err := dec.Decode(&a); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read answer %d: %w", got, err)
		}
		if a.ID < 0 || a.ID >= n {
			return nil, fmt.Errorf("an answer to case %d of %d", a.ID, n)
		}
		for _, s := range a.Seen {
			all[a.ID] = append(all[a.ID], shown{s[0], s[1], s[2]})
		}
	}
	if got != n {
		return nil, fmt.Errorf("%d answers to %d cases", got, n)
	}
	return all, nil
}
