// Package transform holds the transformations of SecLang, with the semantics
// of Coraza 3.8.1 to the byte: what the screen looks at must be what a rule
// would have looked at. Every function appends its output, so that a scan can
// run in memory it already has. The package knows no rules.
//
// Each transformation has a trigger: a set of bytes without which its output
// equals its input. Most values carry no trigger byte of most
// transformations, and share one scan.
package transform

import "strings"

// Kind is one transformation.
type Kind uint8

// The transformations the screen can compute. SHA-1, MD5 and the encoders are
// left out on purpose: nothing can be derived through them.
const (
	Base64Decode Kind = iota
	Base64DecodeExt
	CmdLine
	CompressWhitespace
	CSSDecode
	EscapeSeqDecode
	HexDecode
	HTMLEntityDecode
	JSDecode
	Length
	Lowercase
	NormalizePath
	NormalizePathWin
	RemoveComments
	RemoveCommentsChar
	RemoveNulls
	RemoveWhitespace
	ReplaceComments
	ReplaceNulls
	Trim
	TrimLeft
	TrimRight
	URLDecode
	URLDecodeUni
	UTF8ToUnicode
	kinds
)

// Kinds is the number of transformations.
const Kinds = int(kinds)

// names are those of SecLang, in lower case.
var names = [kinds]string{
	"base64decode", "base64decodeext", "cmdline", "compresswhitespace", "cssdecode", "escapeseqdecode",
	"hexdecode", "htmlentitydecode", "jsdecode", "length", "lowercase", "normalizepath",
	"normalizepathwin", "removecomments", "removecommentschar", "removenulls", "removewhitespace",
	"replacecomments", "replacenulls", "trim", "trimleft", "trimright", "urldecode", "urldecodeuni",
	"utf8tounicode",
}

// String returns the name in SecLang, in lower case.
func (k Kind) String() string {
	if k < kinds {
		return names[k]
	}
	return "unknown"
}

// Lookup finds a transformation by its name in any case, both spellings of normalise included.
func Lookup(name string) (Kind, bool) {
	name = strings.ToLower(name)
	if rest, ok := strings.CutPrefix(name, "normalise"); ok {
		name = "normalize" + rest
	}
	for k, n := range names {
		if n == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// Append appends the transformed s to dst. Changed is what Coraza reports and
// multiMatch goes by; it is not always whether the output differs.
func (k Kind) Append(dst []byte, s string) (out []byte, changed bool) {
	switch k {
	case Base64Decode:
		return appendBase64(dst, s, false), true
	case Base64DecodeExt:
		return appendBase64(dst, s, true), true
	case CmdLine:
		return appendCmdLine(dst, s)
	case CompressWhitespace:
		return appendCompressed(dst, s)
	case CSSDecode:
		return appendCSS(dst, s)
	case EscapeSeqDecode:
		return appendEscapeSeq(dst, s)
	case HexDecode:
		return appendHex(dst, s)
	case HTMLEntityDecode:
		return appendEntities(dst, s)
	case JSDecode:
		return appendJS(dst, s)
	case Length:
		return appendLength(dst, s)
	case Lowercase:
		return appendLower(dst, s)
	case NormalizePath:
		return appendPath(dst, s)
	case NormalizePathWin:
		return appendPathWin(dst, s)
	case RemoveComments:
		return appendWithoutComments(dst, s)
	case RemoveCommentsChar:
		return appendWithoutCommentChars(dst, s)
	case RemoveNulls:
		return appendWithoutNulls(dst, s)
	case RemoveWhitespace:
		return appendWithoutSpace(dst, s)
	case ReplaceComments:
		return appendCommentsReplaced(dst, s)
	case ReplaceNulls:
		return appendNullsReplaced(dst, s)
	case Trim:
		return appendTrimmed(dst, s, strings.Trim(s, spaces))
	case TrimLeft:
		return appendTrimmed(dst, s, strings.TrimLeft(s, spaces))
	case TrimRight:
		return appendTrimmed(dst, s, strings.TrimRight(s, spaces))
	case URLDecode:
		return appendURL(dst, s)
	case URLDecodeUni:
		return appendURLUni(dst, s)
	case UTF8ToUnicode:
		return appendUnicode(dst, s)
	}
	return append(dst, s...), false
}
