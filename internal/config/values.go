package config

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

type addrPort = netip.AddrPort

// linkLocal holds the addresses on which newer managed runtimes see the
// Runtime API (169.254.100.1:9001).
func linkLocal(a netip.Addr) bool {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254}), 16).Contains(a)
}

// listenAddress takes IPv4 loopback only. Any other address would put the
// proxy within reach of the network, and the Node runtime splits the address
// at its first colon, which rules out IPv6.
func listenAddress(at func(*Config) *addrPort) binding {
	const kind = "a loopback address and port from 1024 to 65535, such as " + DefaultListen
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			a, err := netip.ParseAddrPort(s)
			if err != nil || !a.Addr().Is4() || !a.Addr().IsLoopback() || a.Port() < 1024 {
				return want(kind)
			}
			*at(c) = a
			return nil
		},
		get: func(c *Config) string { return at(c).String() },
	}
}

// upstreamAddress takes what the platform itself uses and nothing else: the
// events of the function are fetched from there.
func upstreamAddress(at func(*Config) *string) binding {
	const kind = "a loopback or 169.254.x.x address and port"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			a, err := netip.ParseAddrPort(s)
			if err != nil || a.Port() == 0 || !a.Addr().Is4() || !a.Addr().IsLoopback() && !linkLocal(a.Addr()) {
				return want(kind)
			}
			*at(c) = a.String()
			return nil
		},
		get: func(c *Config) string { return *at(c) },
	}
}

// wrapperPath takes a program from the directories that only a deployment can
// write: not /tmp, which the function's code can.
func wrapperPath(at func(*Config) *string) binding {
	const kind = "an absolute path under /opt, /var/task or /var/lang, without . or .. in it"
	return pathBinding(at, kind, func(s string) error {
		for _, dir := range []string{"/opt/", "/var/task/", "/var/lang/"} {
			if strings.HasPrefix(s, dir) {
				return nil
			}
		}
		return want(kind)
	})
}

func absolutePath(at func(*Config) *string) binding {
	const kind = "an absolute path without . or .. in it"
	return pathBinding(at, kind, func(s string) error {
		if strings.HasPrefix(s, "s3://") || strings.HasPrefix(s, "ssm:") {
			return errors.New("s3:// and ssm: are not available in this build: " + want(kind).Error())
		}
		return nil
	})
}

// InlinePrefix begins a profile that stands in its variable: base64 of YAML, which
// gzip may have made shorter.
const InlinePrefix = "inline:"

// pathOrInline is absolutePath, or a file that stands in the variable itself.
func pathOrInline(at func(*Config) *string) binding {
	b := absolutePath(at)
	kind := b.kind + ", or " + InlinePrefix + " and base64"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			text, ok := strings.CutPrefix(s, InlinePrefix)
			if !ok {
				return b.set(c, s)
			}
			if _, err := base64.StdEncoding.DecodeString(text); err != nil || text == "" {
				return want(kind)
			}
			*at(c) = s
			return nil
		},
		get: func(c *Config) string {
			if strings.HasPrefix(*at(c), InlinePrefix) {
				return InlinePrefix + "…"
			}
			return b.get(c)
		},
	}
}

// date reads a day; the zero time is none.
func date(at func(*Config) *time.Time) binding {
	const kind = "a date such as 2027-03-01"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			t, err := time.Parse(time.DateOnly, s)
			if err != nil {
				return want(kind)
			}
			*at(c) = t
			return nil
		},
		get: func(c *Config) string {
			if at(c).IsZero() {
				return ""
			}
			return at(c).Format(time.DateOnly)
		},
	}
}

func pathBinding(at func(*Config) *string, kind string, check func(string) error) binding {
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if err := check(s); err != nil {
				return err
			}
			if !path.IsAbs(s) || path.Clean(s) != s || s == "/" || strings.ContainsRune(s, 0) {
				return want(kind)
			}
			*at(c) = s
			return nil
		},
		get: func(c *Config) string { return *at(c) },
	}
}

// text takes any UTF-8, empty too. Lambda bounds the whole environment at 4 KB.
func text(at func(*Config) *string) binding {
	const kind = "UTF-8 text"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if !utf8.ValidString(s) {
				return want(kind)
			}
			*at(c) = s
			return nil
		},
		get: func(c *Config) string { return *at(c) },
	}
}

func identifier(at func(*Config) *string) binding {
	const kind = "1 to 128 printable ASCII characters without spaces"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if s == "" || len(s) > 128 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
				return want(kind)
			}
			*at(c) = s
			return nil
		},
		get: func(c *Config) string { return *at(c) },
	}
}

// endpoint takes an http or https address without user information: a password
// in an address ends up in logs. Whether http is acceptable, checkPlain decides.
func endpoint(at func(*Config) *Secret) binding {
	const kind = "an https:// address without user name or password (http:// for loopback, or with MERLON_TELEMETRY_PLAIN=on)"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			u, err := url.Parse(s)
			if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
				return want(kind)
			}
			if p := u.Port(); p != "" {
				if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
					return want(kind)
				}
			}
			*at(c) = NewSecret(s)
			return nil
		},
		get: func(c *Config) string { return at(c).String() },
	}
}

// quarantine checks the form of the target; whether it can be written is
// known only to the sink.
func quarantine(at func(*Config) *Quarantine) binding {
	const kind = "pointer, log, off, s3://BUCKET/PREFIX or an SQS queue's https:// address"
	words := map[string]Store{"pointer": StorePointer, "log": StoreLog, "off": StoreOff}
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if store, ok := words[s]; ok {
				*at(c) = Quarantine{Store: store}
				return nil
			}
			u, err := url.Parse(s)
			if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
				return want(kind)
			}
			switch {
			case u.Scheme == "s3":
				*at(c) = Quarantine{StoreS3, s}
			case u.Scheme == "https" && strings.HasPrefix(u.Host, "sqs."):
				*at(c) = Quarantine{StoreSQS, s}
			default:
				return want(kind)
			}
			return nil
		},
		get: func(c *Config) string { return at(c).String() },
	}
}

// ageRecipient checks the form only; decoding is the sealer's business.
func ageRecipient(at func(*Config) *Secret) binding {
	const kind = "an age public key, age1…"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if strings.HasPrefix(strings.ToUpper(s), "AGE-SECRET-KEY-") {
				return errors.New("this is the private key, now exposed in the function's configuration: replace the pair and set the public key, age1…")
			}
			const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l" // bech32, BIP 173
			data, ok := strings.CutPrefix(s, "age1")
			if !ok || len(data) != 58 || strings.Trim(data, alphabet) != "" {
				return want(kind)
			}
			*at(c) = NewSecret(s)
			return nil
		},
		get: func(c *Config) string { return at(c).String() },
	}
}

// publicKeys checks the form only; decoding is the verifier's business.
func publicKeys(at func(*Config) *[]string) binding {
	const kind = "a comma list of public keys, merlon-public-1:…"
	return list(at, kind, func(word string) error {
		switch data, ok := strings.CutPrefix(word, "merlon-public-1:"); {
		case strings.HasPrefix(word, "merlon-private-"):
			return errors.New("this is the private key, now exposed in the function's configuration: replace the pair and set the public key")
		case !ok || len(data) != 44:
			return want(kind)
		}
		return nil
	})
}

// named takes a name of letters, digits, "-", "_", "." and the further characters.
func named(at func(*Config) *string, most int, further, kind string) binding {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if s == "" || len(s) > most || strings.Trim(s, plain+further) != "" {
				return want(kind)
			}
			*at(c) = s
			return nil
		},
		get: func(c *Config) string { return *at(c) },
	}
}

// secretText takes a secret long enough that it cannot be guessed from what it
// signs.
func secretText(at func(*Config) *Secret) binding {
	const kind = "32 to 512 printable ASCII characters without spaces"
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if len(s) < 32 || len(s) > 512 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
				return want(kind)
			}
			*at(c) = NewSecret(s)
			return nil
		},
		get: func(c *Config) string { return at(c).String() },
	}
}

func serviceList(at func(*Config) *[]string) binding {
	const kind = "a comma list of AWS service names in lower case"
	return list(at, kind, func(word string) error {
		if len(word) > 64 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return want(kind)
		}
		return nil
	})
}
