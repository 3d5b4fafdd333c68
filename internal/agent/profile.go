package agent

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/signed"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/profile"
)

// maxProfile bounds what is read of a profile or its signature.
const maxProfile = 4 << 20

// LoadProfile reads the profile of a configuration, and its signature from the
// file beside it where keys are configured. function is the function it must be
// for; empty for any.
func LoadProfile(cfg config.Config, function string) (*profile.Document, error) {
	name, data, err := profileText(cfg)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	if len(cfg.ProfileKeys) > 0 && name != config.InlinePrefix {
		if err := verifyProfile(cfg, data); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
	}
	d, err := profile.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	switch {
	case d.Metadata.Version < cfg.ProfileMinVersion:
		return nil, fmt.Errorf("%q: version %d of the profile: want at least %d (MERLON_PROFILE_MIN_VERSION)", name, d.Metadata.Version, cfg.ProfileMinVersion)
	case function != "" && d.Metadata.Function != "" && d.Metadata.Function != function:
		return nil, fmt.Errorf("%q: the profile is for the function %q, this is %q", name, d.Metadata.Function, function)
	}
	return d, nil
}

// profileText is the profile of a configuration, and what to call it. One that
// stands in the environment is not signed: it comes from where the keys come from.
func profileText(cfg config.Config) (name string, data []byte, err error) {
	text, inline := strings.CutPrefix(cfg.Profile, config.InlinePrefix)
	if !inline {
		data, err = readBounded(cfg.Profile)
		return cfg.Profile, data, err
	}
	if data, err = base64.StdEncoding.DecodeString(text); err != nil || !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return config.InlinePrefix, data, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return config.InlinePrefix, nil, err
	}
	data, err = bounded(config.InlinePrefix, z)
	return config.InlinePrefix, data, err
}

func verifyProfile(cfg config.Config, data []byte) error {
	var keys []signed.PublicKey
	for _, text := range cfg.ProfileKeys {
		k, err := signed.ParsePublic(text)
		if err != nil {
			return fmt.Errorf("MERLON_PROFILE_KEY: %w", err)
		}
		keys = append(keys, k)
	}
	signature, err := readBounded(cfg.Profile + ".sig")
	if err != nil {
		return fmt.Errorf("MERLON_PROFILE_KEY asks for a signature: %w; make one with merlon profile sign", err)
	}
	_, err = signed.Verify(data, signature, keys)
	return err
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bounded(name, f)
}

func bounded(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxProfile+1))
	if err == nil && len(data) > maxProfile {
		err = fmt.Errorf("%q is longer than %d bytes", name, maxProfile)
	}
	return data, err
}

// profileMode is the mode that a configuration gives to a profile: what the
// environment says, or else the profile.
func profileMode(cfg config.Config, d *profile.Document) (b policy.Behaviour, compared bool) {
	b = policy.BehaviourOf(d)
	if cfg.Source("MERLON_PROFILE_MODE") != config.FromEnvironment {
		return b, true
	}
	switch cfg.ProfileMode {
	case config.ProfileAlert:
		return b.Most(verdict.ActionMonitor), true
	case config.ProfileEnforce:
		b.Default = verdict.ActionBlock
		return b, true
	}
	return b, false
}

// SetProfile has a guard compare events with a profile, in the configuration's
// mode.
func SetProfile(g *guard.Guard, cfg config.Config, d *profile.Document) error {
	b, compared := profileMode(cfg, d)
	if !compared {
		return nil
	}
	c, err := profile.NewChecker(d)
	if err != nil {
		return err
	}
	if code := g.Deployment.Function.CodeID; d.Metadata.Code != "" && code != "" && d.Metadata.Code != code {
		b.Grace = cfg.ProfileGrace
	}
	g.SetProfile(c, strconv.Itoa(d.Metadata.Version), b)
	return nil
}

// loadProfile does what the configuration says of a profile. The function runs
// without one that cannot be used, unless the user chose closed, and that is
// said: a profile that is not there alarms nobody otherwise.
func (x *extension) loadProfile() error {
	learn := x.cfg.ProfileMode == config.ProfileLearn
	wanted := x.cfg.ProfileMode == config.ProfileAlert || x.cfg.ProfileMode == config.ProfileEnforce
	if x.cfg.Profile == "" {
		if wanted {
			x.profileMissing(nil)
		}
		if learn {
			x.learn(nil)
		}
		return nil
	}
	var d *profile.Document
	err := contained(func() (err error) {
		d, err = LoadProfile(x.cfg, x.environ["AWS_LAMBDA_FUNCTION_NAME"])
		if err == nil && x.guard != nil {
			err = SetProfile(x.guard, x.cfg, d)
		}
		return err
	})
	if err != nil {
		x.profileMissing(err)
		if x.policy.FailClosed {
			return err
		}
		return nil
	}
	if learn {
		x.learn(d)
	}
	x.log.Info("profile loaded", zap.String("function", d.Metadata.Function), zap.Int("version", d.Metadata.Version), zap.String("mode", d.Mode),
		zap.String("notAfter", d.Metadata.NotAfter), zap.String("code", d.Metadata.Code))
	x.expiry.set(d.Metadata.NotAfter)
	return nil
}

// deltaLine bounds what one line tells of what was learned; the rest of a line is
// some hundred bytes.
const deltaLine = 12 << 10

// learn has the environment tell what is new to it, beyond a profile or from
// nothing.
func (x *extension) learn(base *profile.Document) {
	if x.guard == nil {
		return
	}
	x.learner = profile.NewLearner(base, time.Now)
	x.guard.SetLearner(x.learner, x.tell)
}

// tell writes what was learned.
func (x *extension) tell(d profile.Delta) {
	for _, part := range d.Split(deltaLine) {
		x.reporter.Learned(x.guard.Deployment.Function.CodeID, part)
	}
}

func (x *extension) profileMissing(err error) {
	x.log.Error("no profile: behaviour is not compared", zap.Error(err), zap.String("remedy", "set MERLON_PROFILE to a profile that merlon profile check accepts, or MERLON_PROFILE_MODE=off"))
	x.reporter.Metric(map[report.Metric]float64{report.ProfileMissing: 1})
}
