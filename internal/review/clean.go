package review

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes a text safe to show in a terminal and on a page: control
// characters, which move a cursor or recolour what follows, and format
// characters, which reorder or hide text, are written out by number.
func Clean(s string) string {
	if !strings.ContainsFunc(s, unsafe) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafe(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
		} else {
			b.WriteRune(r) // invalid bytes come as U+FFFD
		}
	}
	return b.String()
}

func unsafe(r rune) bool {
	return r < 0x20 || r >= 0x7f && (unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) ||
		unicode.Is(unicode.Variation_Selector, r))
}

// maxText bounds a text of a record; Merlon cuts its own far below.
const maxText = 4 << 10

// cleanAll cleans every text in what v points to.
func cleanAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			cleanAll(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				cleanAll(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			cleanAll(v.Index(i))
		}
	case reflect.String:
		s := v.String()
		if len(s) > maxText {
			s = strings.ToValidUTF8(s[:maxText], "") + "…"
		}
		if c := Clean(s); c != v.String() {
			v.SetString(c)
		}
	}
}
