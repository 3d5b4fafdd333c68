package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"filippo.io/age"

	"github.com/merlon-security/merlon/internal/quarantine/extract"
)

type quarantineCmd struct {
	Extract quarantineExtractCmd `cmd:"" help:"Open the quarantine entries in log lines, S3 objects or SQS messages read from standard input."`
	Keygen  quarantineKeygenCmd  `cmd:"" help:"Make a key pair: the private key into a file, the public key for MERLON_QUARANTINE_KEY to standard output."`
}

type quarantineExtractCmd struct {
	Key  string `help:"File with the private key; without it, only entries that were kept unsealed are read." type:"existingfile"`
	Out  string `help:"Directory to write the records to, a file each."`
	JSON bool   `help:"Print a JSON object for each record instead of a table."`
}

// extracted is one line of output.
type extracted struct {
	File      string `json:"file,omitempty"`
	ID        string `json:"id"`
	VerdictID string `json:"verdictId"`
	RequestID string `json:"requestId"`
	Function  string `json:"function"`
	Source    string `json:"source"`
	Record    int    `json:"record"`
	RecordID  string `json:"recordId,omitempty"`
	Pointer   string `json:"pointer,omitempty"`
	Bytes     int    `json:"bytes"`
	Sealed    bool   `json:"sealed"`
}

// Run prints what it finds and fails if there was anything it had to reject.
func (c *quarantineExtractCmd) Run(_ context.Context, std stdio) error {
	var ids []age.Identity
	if c.Key != "" {
		var err error
		if ids, err = readIdentities(c.Key); err != nil {
			return err
		}
	}
	res, err := extract.Read(std.in, ids...)
	if err != nil {
		return fmt.Errorf("read entries: %w", err)
	}
	rows, err := c.save(res.Records)
	if err == nil {
		err = c.print(std.out, rows)
	}
	if err != nil {
		return err
	}
	for _, r := range res.Rejected {
		fmt.Fprintf(std.err, "line %d: rejected: %+q\n", r.Line, r.Err.Error())
	}
	if n := len(res.Rejected); n > 0 {
		return fmt.Errorf("%d entries or lines rejected", n)
	}
	return nil
}

func readIdentities(name string) ([]age.Identity, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ids, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("%q is not a file of age identities (AGE-SECRET-KEY-1…)", name) // age quotes what it could not read
	}
	return ids, nil
}

// save writes the records to files that are named by a number of ours: a
// record's own name is text from outside.
func (c *quarantineExtractCmd) save(records []extract.Record) ([]extracted, error) {
	if c.Out != "" {
		if err := os.MkdirAll(c.Out, 0o700); err != nil {
			return nil, err
		}
	}
	rows := make([]extracted, 0, len(records))
	number := 0
	for i := range records {
		r := &records[i]
		row := extracted{
			ID: r.ID, VerdictID: r.VerdictID, RequestID: r.RequestID, Function: r.Function, Source: r.Source,
			Record: r.Header.Record, RecordID: r.RecordID, Pointer: r.Pointer, Bytes: r.Bytes, Sealed: r.Sealed,
		}
		if c.Out != "" {
			var err error
			if row.File, number, err = writeNew(c.Out, number+1, r.Body); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// writeNew writes a file that does not exist yet, readable by its owner only.
func writeNew(dir string, number int, body []byte) (string, int, error) {
	for ; ; number++ {
		name := filepath.Join(dir, fmt.Sprintf("record-%05d.json", number))
		err := createSecret(name, body)
		if !errors.Is(err, fs.ErrExist) {
			return name, number, err
		}
	}
}

func createSecret(name string, body []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	return errors.Join(err, f.Close())
}

// print writes the table. Texts are quoted: a terminal obeys what it is sent.
func (c *quarantineExtractCmd) print(out io.Writer, rows []extracted) error {
	if c.JSON {
		enc := json.NewEncoder(out)
		for i := range rows {
			if err := enc.Encode(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FILE\tVERDICT\tSOURCE\tRECORD\tBYTES\tSEALED\tRECORD ID\tPOINTER")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%t\t%s\t%s\n", printable(r.File), printable(r.VerdictID), printable(r.Source),
			r.Record, r.Bytes, r.Sealed, printable(r.RecordID), printable(r.Pointer))
	}
	return w.Flush()
}

// printable returns a text without its control characters, or - for none.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	q := strconv.QuoteToASCII(s)
	return q[1 : len(q)-1]
}

type quarantineKeygenCmd struct {
	Out string `help:"File for the private key; must not exist." default:"merlon-quarantine.key"`
}

// Run makes an age X25519 pair.
func (c *quarantineKeygenCmd) Run(_ context.Context, std stdio) error {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	text := "# public key: " + id.Recipient().String() + "\n" + id.String() + "\n"
	if err := createSecret(c.Out, []byte(text)); err != nil {
		return err
	}
	fmt.Fprintf(std.err, "private key in %s: keep it out of the function and its account's logs\n", c.Out)
	_, err = fmt.Fprintln(std.out, id.Recipient())
	return err
}
