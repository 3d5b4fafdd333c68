package config

import "fmt"

// hidden stands for a secret wherever one would be printed.
const hidden = "[secret]"

// Secret is a value that is never printed: not by fmt with any verb, not in
// JSON, YAML or text encodings, not inside an error. Reveal is the only way to
// the value, so that every use can be found by searching for it.
type Secret struct {
	// A pointer, because fmt cannot call methods on a Secret in another
	// struct's unexported field; there it prints an address, not the value.
	value *string
}

// NewSecret hides value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the value, or "" if there is none. The result must go to
// the peer it authenticates and nowhere else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.value != nil && *s.value != "" }

// String returns a placeholder, or "" if there is no value.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return hidden
}

// Format prints the placeholder for every verb and flag. Without it %x, %d or
// %#v would reach past String.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText returns the placeholder; encoders of JSON, YAML and XML use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// SecretHeader is an HTTP header whose value is a secret; its name is not.
type SecretHeader struct {
	Name  string
	Value Secret
}
