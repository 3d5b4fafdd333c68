package main

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed data/invoices
var invoiceFiles embed.FS

// shop is the service's state: a database in memory and a directory of invoices.
type shop struct {
	db       *database
	invoices string
}

func openShop() (*shop, error) {
	dir := filepath.Join(os.TempDir(), "orders-data", "invoices")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	files, err := fs.Sub(invoiceFiles, "data/invoices")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if err := replaceFile(filepath.Join(dir, name), text); err != nil {
			return nil, err
		}
	}
	return &shop{db: newDatabase(), invoices: dir}, nil
}

// replaceFile never shows half a file to another instance on this machine.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func newDatabase() *database {
	db := &database{tables: map[string]*table{
		"orders":    {columns: []string{"id", "customer", "total", "status", "public", "note"}},
		"customers": {columns: []string{"id", "name", "email", "password", "card"}},
	}}
	for _, o := range [][]string{
		{"Ada", "19.90", "open", "1", ""},
		{"Grace", "240.00", "shipped", "1", ""},
		{"Edsger", "7.50", "open", "1", "gift"},
		{"internal", "99999.00", "draft", "0", "acquisition of Example Corp"},
	} {
		db.insert("orders", map[string]string{"customer": o[0], "total": o[1], "status": o[2], "public": o[3], "note": o[4]})
	}
	for _, c := range [][]string{
		{"Ada", "ada@example.com", "analytical", "4111111111111111"},
		{"Grace", "grace@example.com", "cobol4ever", "5500000000000004"},
	} {
		db.insert("customers", map[string]string{"name": c[0], "email": c[1], "password": c[2], "card": c[3]})
	}
	return db
}
