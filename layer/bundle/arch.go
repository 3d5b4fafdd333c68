package bundle

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// Arch is an instruction set by Lambda's name for it (CompatibleArchitectures).
type Arch string

const (
	X86_64 Arch = "x86_64"
	ARM64  Arch = "arm64"
)

// ParseArch takes Lambda's names and Go's.
func ParseArch(s string) (Arch, error) {
	switch s {
	case "x86_64", "amd64":
		return X86_64, nil
	case "arm64":
		return ARM64, nil
	}
	return "", fmt.Errorf("architecture %q: want x86_64 or arm64", s)
}

// GoArch returns GOARCH for the architecture.
func (a Arch) GoArch() string {
	if a == X86_64 {
		return "amd64"
	}
	return string(a)
}

func (a Arch) machine() elf.Machine {
	switch a {
	case X86_64:
		return elf.EM_X86_64
	case ARM64:
		return elf.EM_AARCH64
	}
	return elf.EM_NONE
}

// header is as much of a file as machineOf looks at.
const header = 20

// machineOf reads the machine from the first bytes of a 64-bit little-endian
// ELF file (System V ABI, "ELF Header"); ok is false for anything else. It does
// not parse further, so it may be given bytes of unknown origin.
func machineOf(b []byte) (m elf.Machine, ok bool) {
	if len(b) < header || string(b[:4]) != elf.ELFMAG || b[elf.EI_CLASS] != byte(elf.ELFCLASS64) || b[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return elf.EM_NONE, false
	}
	return elf.Machine(binary.LittleEndian.Uint16(b[18:20])), true
}

// checkMachine says whether a program runs on the architecture.
func checkMachine(b []byte, a Arch) error {
	m, ok := machineOf(b)
	switch {
	case !ok:
		return errors.New("not a 64-bit Linux program")
	case m != a.machine():
		return fmt.Errorf("built for %v, want %v (%s)", m, a.machine(), a)
	}
	return nil
}

// checkStatic says whether a program runs in any image: one that names a
// loader needs the C library it was linked with.
func checkStatic(b []byte) error {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("dynamically linked, want a static program: build with CGO_ENABLED=0")
		}
	}
	return nil
}
