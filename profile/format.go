package profile

import "strings"

// format is what a text reads as.
type format uint8

// The formats. Free is any text that has none of the others.
const (
	formatFree format = iota
	formatEmpty
	formatInteger
	formatDecimal
	formatUUID
	formatDate
	formatDateTime
	formatEmail
	formatIPv4
	formatURL
	formatARN
	formatToken // three parts of base64url, as a JWT has
	formatHex   // eight digits or more, an even number, letters and digits among them
)

var formatNames = [...]string{"free", "empty", "integer", "decimal", "uuid", "date", "date-time", "email", "ipv4", "url", "arn", "token", "hex"}

// formatOf reads a text whose classes are known, and no more of it than tells.
func formatOf(s string, classes uint64) format {
	only := func(allowed uint64) bool { return classes&^allowed == 0 }
	switch {
	case s == "":
		return formatEmpty
	case only(classDigit|classHyphen) && isInteger(s):
		return formatInteger
	case len(s) == 36 && isUUID(s):
		return formatUUID
	case len(s) == 10 && isDate(s):
		return formatDate
	case len(s) > 10 && len(s) <= 35 && isDate(s) && (s[10] == 'T' || s[10] == ' '):
		return formatDateTime
	case only(classDigit|classHyphen|classDot) && isDecimal(s):
		return formatDecimal
	case only(classDigit|classDot) && isIPv4(s):
		return formatIPv4
	case classes&classAt != 0 && isEmail(s):
		return formatEmail
	case classes&classColon != 0 && (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")):
		return formatURL
	case classes&classColon != 0 && strings.HasPrefix(s, "arn:aws"):
		return formatARN
	case only(classLower|classUpper|classDigit) && isHex(s):
		return formatHex
	case only(classLower|classUpper|classDigit|classHyphen|classUnderscore|classDot) && strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2:
		return formatToken
	}
	return formatFree
}

func isInteger(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func isDecimal(s string) bool {
	whole, fraction, ok := strings.Cut(s, ".")
	return ok && isInteger(whole) && fraction != "" && strings.Trim(fraction, "0123456789") == ""
}

func isHexDigit(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isUUID(s string) bool {
	for i := 0; i < len(s); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHexDigit(s[i]) {
			return false
		}
	}
	return len(s) == 36
}

// isDate reads YYYY-MM-DD at the front of at least ten bytes.
func isDate(s string) bool {
	for i := range 10 {
		if i == 4 || i == 7 {
			if s[i] != '-' {
				return false
			}
		} else if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func isIPv4(s string) bool {
	parts := 0
	for part := range strings.SplitSeq(s, ".") {
		if parts++; part == "" || len(part) > 3 || len(part) == 3 && part > "255" {
			return false
		}
	}
	return parts == 4
}

func isEmail(s string) bool {
	user, host, ok := strings.Cut(s, "@")
	return ok && user != "" && strings.IndexByte(host, '.') > 0 && !strings.ContainsAny(s, " \t\r\n<>\"'(),;:\\/") && strings.IndexByte(host, '@') < 0
}

func isHex(s string) bool {
	if len(s) < 8 || len(s)%2 != 0 {
		return false
	}
	digits := 0
	for i := 0; i < len(s); i++ {
		if !isHexDigit(s[i]) {
			return false
		}
		if s[i] <= '9' {
			digits++
		}
	}
	return digits > 0 && digits < len(s)
}
