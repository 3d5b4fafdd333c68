package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTablesAreCurrent(t *testing.T) {
	t.Parallel()
	want, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../tables.bin")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("tables.bin is not what the generator writes")
	}
}
