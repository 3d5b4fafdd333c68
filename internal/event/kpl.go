package event

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// kplMagic and a MD5 sum enclose the protocol buffer in which the Kinesis
// Producer Library packs many records into one (Amazon Kinesis, "KPL aggregated
// record format").
const (
	kplMagic = "\xf3\x89\x9a\xc2"
	kplSum   = 16
)

// aggregated opens such a record. Its checksum is not verified: a consumer that
// does not look would see what we did not.
func (d *decoder) aggregated(val string, at leafAt) bool {
	if !strings.HasPrefix(val, kplMagic) || len(val) <= len(kplMagic)+kplSum {
		return false
	}
	body := val[len(kplMagic) : len(val)-kplSum]
	if !eachField(body, func(int, string) bool { return true }) {
		return false
	}
	i := 0
	eachField(body, func(field int, content string) bool {
		f := at
		switch field {
		case 1, 2:
			f.sub, f.name = join(at.sub, "partitionKey"), "partitionKey"
			d.addText(content, f)
		case 3:
			f.sub = join(at.sub, strconv.Itoa(i))
			i++
			d.subRecord(content, f)
		default:
			d.opaque(content, f)
		}
		return d.room()
	})
	if !d.room() {
		d.addText(body, at)
	}
	return true
}

// subRecord opens one record: its data and its tags.
func (d *decoder) subRecord(content string, at leafAt) {
	whole := eachField(content, func(field int, content string) bool {
		switch field {
		case 1, 2:
		case 3:
			d.bytes(content, at)
		default:
			d.opaque(content, at)
		}
		return true
	})
	if !whole {
		d.opaque(content, at)
	}
}

// eachField calls fn for the fields of a protocol buffer; numbers have no
// content. It returns false if the bytes are no message.
func eachField(s string, fn func(field int, content string) bool) bool {
	for s != "" {
		tag, n := uvarint(s)
		if n <= 0 {
			return false
		}
		s = s[n:]
		size, n := uvarint(s)
		if n <= 0 {
			return false
		}
		s = s[n:]
		switch tag & 7 {
		case 0:
			if !fn(int(tag>>3), "") {
				return true
			}
		case 2:
			if size > uint64(len(s)) {
				return false
			}
			if !fn(int(tag>>3), s[:size]) {
				return true
			}
			s = s[size:]
		default:
			return false
		}
	}
	return true
}

func uvarint(s string) (uint64, int) {
	return binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
}
