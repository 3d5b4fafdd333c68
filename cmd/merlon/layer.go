package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/merlon-security/merlon/layer/bundle"
)

type layerCmd struct {
	Build layerBuildCmd `cmd:"" help:"Pack the layer zips from built programs."`
	Wrap  layerWrapCmd  `cmd:"" help:"Put the bootstrap shim into the package of a provided.* function."`
	Check layerCheckCmd `cmd:"" help:"Say whether a layer zip can be published."`
}

type layerBuildCmd struct {
	From    string `help:"Directory with <goarch>/extension and <goarch>/wrapper." default:"build/layer" type:"existingdir"`
	Out     string `help:"Directory for the zips." default:"dist"`
	Unpack  string `help:"Directory to unpack this machine's layer to, laid out like /opt."`
	Release string `help:"Version to write into the layer." required:""`
	License string `help:"Licence text." default:"LICENSE" type:"existingfile"`
	Notices string `help:"Licences of the modules that are linked in." type:"existingfile"`
}

// Run packs one zip for each architecture that was built.
func (c *layerBuildCmd) Run(_ context.Context, std stdio) error {
	license, err := os.ReadFile(c.License)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	built := 0
	for _, a := range []bundle.Arch{bundle.X86_64, bundle.ARM64} {
		dir := filepath.Join(c.From, a.GoArch())
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		data, err := c.pack(a, dir, license)
		if err != nil {
			return err
		}
		built++
		out := filepath.Join(c.Out, fmt.Sprintf("merlon-layer-%s.zip", a))
		if err := os.WriteFile(out, data, 0o644); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(std.out, "%s  %.2f MB  sha256 %s\n", out, float64(len(data))/1e6, hex.EncodeToString(sum[:]))
		if c.Unpack != "" && a.GoArch() == runtime.GOARCH {
			if err := unpackFresh(data, c.Unpack); err != nil {
				return err
			}
		}
	}
	if built == 0 {
		return fmt.Errorf("no programs in %q: build them with \"make layer\"", c.From)
	}
	return nil
}

func (c *layerBuildCmd) pack(a bundle.Arch, dir string, license []byte) ([]byte, error) {
	ext, err := os.ReadFile(filepath.Join(dir, "extension"))
	if err != nil {
		return nil, err
	}
	wrapper, err := os.ReadFile(filepath.Join(dir, "wrapper"))
	if err != nil {
		return nil, err
	}
	l := bundle.Layer{Arch: a, Version: c.Release, Extension: ext, Wrapper: wrapper, License: license}
	if c.Notices != "" {
		data, err := os.ReadFile(c.Notices)
		if err != nil {
			return nil, err
		}
		l.Extra = append(l.Extra, bundle.File{Name: "merlon/NOTICES", Data: data})
	}
	return bundle.Build(l)
}

// unpackFresh replaces a directory by the layer's contents. It removes only
// what looks like an unpacked layer.
func unpackFresh(data []byte, dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, bundle.WrapperName)); err != nil {
			return fmt.Errorf("%q is no unpacked layer: it is not replaced", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return bundle.Unpack(data, dir)
}

type layerWrapCmd struct {
	Function string `arg:"" help:"The function's deployment package." type:"existingfile"`
	Out      string `help:"File to write; default FUNCTION with -merlon before its ending." short:"o"`
	Layer    string `help:"Directory of an unpacked layer to take the launcher from." default:"build/opt"`
	Arch     string `help:"Architecture of the function: x86_64 or arm64." default:"${goarch}"`
}

// Run writes the package with the launcher in front of its bootstrap.
func (c *layerWrapCmd) Run(_ context.Context, std stdio) error {
	arch, err := bundle.ParseArch(c.Arch)
	if err != nil {
		return err
	}
	wrapper, err := os.ReadFile(filepath.Join(c.Layer, bundle.WrapperName))
	if err != nil {
		return fmt.Errorf("read launcher: %w; build it with \"make layer\" or name an unpacked layer of the function's architecture with --layer", err)
	}
	data, err := os.ReadFile(c.Function)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		ext := filepath.Ext(c.Function)
		out = c.Function[:len(c.Function)-len(ext)] + "-merlon" + ext
	}
	var b bytes.Buffer
	if err := bundle.Wrap(bytes.NewReader(data), int64(len(data)), &b, wrapper, arch); err != nil {
		return err
	}
	if err := os.WriteFile(out, b.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: bootstrap now starts behind Merlon; attach the layer and deploy it\n", out)
	return nil
}

type layerCheckCmd struct {
	Layer string `arg:"" help:"Layer zip." type:"existingfile"`
	Arch  string `help:"Architecture it is for: x86_64 or arm64." default:"${goarch}"`
}

// Run reports every fault of a layer zip.
func (c *layerCheckCmd) Run(_ context.Context, std stdio) error {
	arch, err := bundle.ParseArch(c.Arch)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(c.Layer)
	if err != nil {
		return err
	}
	if err := bundle.Check(data, arch); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: ready to publish for %s\n", c.Layer, arch)
	return nil
}
