package event

import "strings"

// encoded makes leaves of a string that stands where the event source puts
// base64. Clean base64 hides nothing in itself and is no leaf; anything else is
// one as well.
func (d *decoder) encoded(val string, at leafAt) {
	if val == "" {
		d.addText(val, at)
		return
	}
	if d.deep(at) || !d.spend(len(val)/4*3) {
		d.addText(val, at)
		return
	}
	readings, clean := base64Readings(val)
	if !clean || len(val)%4 != 0 || len(readings) == 0 {
		d.text(val, at) // services pad what they write
	}
	for _, out := range readings {
		d.bytes(out, at)
	}
}

// bytes makes leaves of decoded bytes, undoing whatever compression and framing
// shows in them.
func (d *decoder) bytes(val string, at leafAt) {
	if val == "" {
		d.addText("", at)
		return
	}
	if d.deep(at) {
		d.opaque(val, at)
		return
	}
	d.layers++
	defer func() { d.layers-- }()
	if d.aggregated(val, at) || d.archive(val, at) {
		return
	}
	if packed(val) || !plainText(val) {
		if out, ok := d.unpack(val, true); ok {
			d.bytes(out, at)
			return
		}
	}
	val = d.wide(val, at)
	if plainText(val) {
		d.text(val, at)
		return
	}
	if !d.nested(val, at) {
		d.opaque(val, at)
	}
}

// packed reports whether bytes bear the mark of a compression.
func packed(s string) bool {
	return isGzip(s) || isZstd(s) || len(s) > 2 && s[0] == 0x78 && (uint(s[0])<<8|uint(s[1]))%31 == 0 && s[1]&0x20 == 0
}

// unpack undoes gzip, zstd, zlib or raw deflate. What a broken stream with a mark gave
// before the flaw counts, and the flaw is a limit; bytes without a mark are
// compressed only if they decode to the end, to text. So are bytes that nobody
// said are anything (placed is false): two of them look like a mark by chance.
func (d *decoder) unpack(val string, placed bool) (string, bool) {
	switch {
	case isGzip(val):
		return d.unpackMarked(val, "gzip")
	case isZstd(val):
		return d.unpackMarked(val, "zstd")
	case packed(val):
		out, err := d.opener().zlib(val, d.left())
		if err != nil && (!placed || !plainText(out)) || out == "" {
			d.decoded += len(out)
			return "", false // 'x' and another byte start other things as well
		}
		return d.produced(out, err == nil)
	case len(val) < 16 || val[0]&6 == 6 || val[0]&6 == 0:
		return "", false
	}
	out, err := d.opener().raw(val, d.left())
	if err != nil || !plainText(out) || strings.TrimSpace(out) == "" {
		d.decoded += len(out) // the work counts
		return "", false
	}
	return d.produced(out, true)
}

func (d *decoder) unpackMarked(val, coding string) (string, bool) {
	out, ok := d.inflateOne(val, coding)
	if !ok {
		d.limit("encoding")
	}
	return out, out != ""
}

// left is what decoders may still produce.
func (d *decoder) left() int { return max(0, d.lim.Decoded-d.decoded) }

// produced accounts for what the inflater gave.
func (d *decoder) produced(out string, whole bool) (string, bool) {
	if !whole {
		d.limit("encoding")
	}
	if left := d.left(); len(out) > left {
		d.limit("decoded")
		out = out[:left]
	}
	d.decoded += len(out)
	return out, out != ""
}
