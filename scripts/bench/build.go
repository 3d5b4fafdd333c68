package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/merlon-security/merlon/scripts/bench/internal/result"
)

// root is the project's directory, seen from this module's.
const root = "../.."

// build makes the programs of a run. libddwaf is loaded without cgo, which its
// binding wants asked for by a tag.
func (b *bench) build(ctx context.Context) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	modfile, err := b.requirements()
	if err != nil {
		return err
	}
	for name, pkg := range map[string]string{
		"compare": "./compare", "role": "./role", "start-coraza": "./start/coraza", "start-libddwaf": "./start/libddwaf",
	} {
		if err := goBuild(ctx, ".", b.program(name), "appsec", pkg, "-mod=mod", "-modfile", modfile); err != nil {
			return err
		}
	}
	return b.findExtension(ctx)
}

// requirements copies this module's go.mod and go.sum to where a build may
// complete them: a module the project has come to need since must not stop a
// run. Versions stay the ones written down here and in the project.
func (b *bench) requirements() (modfile string, err error) {
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("run in the directory of the benchmark's module: %w", err)
		}
		if err := os.WriteFile(b.program(name), text, 0o644); err != nil {
			return "", err
		}
	}
	return b.program("go.mod"), nil
}

func (b *bench) program(name string) string {
	path, err := filepath.Abs(filepath.Join(b.dir, name))
	if err != nil {
		panic("bug: there is a working directory: " + err.Error())
	}
	return path
}

// findExtension takes the layer's, or builds what would be in it.
func (b *bench) findExtension(ctx context.Context) (err error) {
	if b.extension, err = filepath.Abs(filepath.Join(b.layer, "extensions", "merlon")); err != nil {
		return err
	}
	if _, err := os.Stat(b.extension); err == nil {
		return nil
	}
	b.note(fmt.Sprintf("there is no layer at %s: the extension is built for the run", b.layer))
	tags, err := makefileTags()
	if err != nil {
		return err
	}
	b.layer = b.program("opt")
	b.extension = filepath.Join(b.layer, "extensions", "merlon")
	if err := goBuild(ctx, root, b.extension, tags, "./extension"); err != nil {
		return err
	}
	return goBuild(ctx, root, filepath.Join(b.layer, "merlon-wrapper"), tags, "./layer/wrapper")
}

func (b *bench) note(text string) {
	progress("%s", text)
	b.res.Notes = append(b.res.Notes, text)
}

// makefileTags reads the tags that the layer is built with.
func makefileTags() (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^TAGS\s*=\s*(\S+)`).FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s sets no TAGS", filepath.Join(root, "Makefile"))
	}
	return string(m[1]), nil
}

func goBuild(ctx context.Context, dir, out, tags, pkg string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", tags, "-o", out}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// compare runs the engines on the same events in one process.
func (b *bench) compare(ctx context.Context) error {
	args := []string{"-sections", b.sections}
	if b.quick {
		args = append(args, "-quick")
	}
	if corpus := filepath.Join(b.shared, "corpora", "dev", "corpus.jsonl.gz"); b.shared != "" {
		if _, err := os.Stat(corpus); err == nil {
			args = append(args, "-corpus", corpus)
		}
	}
	cmd := exec.CommandContext(ctx, b.program("compare"), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	var part result.Results
	if err := json.Unmarshal(out.Bytes(), &part); err != nil {
		return fmt.Errorf("read the comparison: %w", err)
	}
	b.res.Events, b.res.Cold, b.res.Growth, b.res.Adversarial = part.Events, part.Cold, part.Growth, part.Adversarial
	b.res.Notes = append(b.res.Notes, part.Notes...)
	return nil
}
