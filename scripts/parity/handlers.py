"""Reads cases as JSON lines and prints, for each, what Python's standard library
shows a handler of it, in the form that handlers.mjs explains."""

import base64
import binascii
import email
import email.parser
import email.policy
import gzip
import http.cookies
import io
import json
import re
import sys
import urllib.parse
import warnings
import zlib

warnings.simplefilter("ignore")
try:
    import cgi  # until Python 3.12
except ImportError:
    cgi = None


class Seen:
    def __init__(self):
        self.list = []

    def add(self, reader, kind, text):
        if text:
            self.list.append([reader, kind, text])

    def walk(self, reader, v, kind="value"):
        if isinstance(v, str):
            self.add(reader, kind, v)
        elif isinstance(v, bool):
            self.add(reader, "value", "true" if v else "false")
        elif isinstance(v, (bytes, bytearray)):
            self.add(reader, "value", v.decode("utf-8", "replace"))
        elif isinstance(v, dict):
            for key, item in v.items():
                self.add(reader, "name", key)
                self.walk(reader, item)
        elif isinstance(v, (list, tuple)):
            for item in v:
                self.walk(reader, item, kind)

    def attempt(self, reader, fn, kind="value"):
        """A reader that raises shows nothing."""
        try:
            v = fn()
        except Exception:
            return
        self.walk(reader, v, kind)


def request(ev):
    headers = {k.lower(): v for k, v in (ev.get("headers") or {}).items()}
    for k, v in (ev.get("multiValueHeaders") or {}).items():
        headers[k.lower()] = ("; " if k.lower() == "cookie" else ", ").join(v)
    if ev.get("cookies"):
        headers["cookie"] = "; ".join(ev["cookies"])
    query = ev.get("rawQueryString")
    if query is None:
        quote = str if "elb" in ev.get("requestContext", {}) else urllib.parse.quote_plus
        pairs = ev.get("multiValueQueryStringParameters") or ev.get("queryStringParameters") or {}
        query = "&".join(
            f"{quote(k)}={quote(v)}" for k, vs in pairs.items() for v in (vs if isinstance(vs, list) else [vs]))
    body = ev.get("body") or ""
    return headers, query, base64.b64decode(body) if ev.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")


def pairs(seen, reader, text):
    for name, options in {
        "": {},
        ", Latin-1": {"encoding": "latin-1"},
    }.items():
        seen.attempt(f"parse_qs{reader}{name}", lambda: urllib.parse.parse_qs(text, keep_blank_values=True, **options))


def decompress(headers, body):
    coding = headers.get("content-encoding", "").lower()
    try:
        if coding == "gzip":
            return gzip.decompress(body)
        if coding == "deflate":
            try:
                return zlib.decompress(body)
            except zlib.error:
                return zlib.decompress(body, -15)
    except Exception:
        return b""
    return b"" if coding else body


def multipart(seen, headers, body):
    head = ("Content-Type: " + headers.get("content-type", "") + "\r\n\r\n").encode("utf-8", "surrogatepass")
    for name in "compat32", "default", "HTTP":
        policy = getattr(email.policy, name)
        try:
            root = email.parser.BytesParser(policy=policy).parsebytes(head + body)
        except Exception:
            continue
        reader = "email, policy " + name
        for part in root.walk():
            if part is not root:
                seen.attempt(reader + ", headers", lambda: [str(v) for k, v in part.items() if k.lower().startswith("x-")], "header")
                seen.attempt(reader, lambda: name_of(part.get_param("name", header="content-disposition")), "header")
                seen.attempt(reader, part.get_filename, "header")
            if part.is_multipart():
                # What stands around the parts, unless parts are in it.
                for text in part.preamble, part.epilogue:
                    if text and "--" + (part.get_boundary() or "") not in text:
                        seen.add(reader + ", around the parts", "value", text)
                continue
            if part is root:
                continue
            seen.attempt(reader + ", payload", lambda: part.get_payload(decode=True))
            # The letters of KOI8-R are not transcoded; what else there is, is compared.
            if name != "compat32" and (part.get_content_charset() != "koi8-r" or part.get_payload(decode=True).isascii()):
                seen.attempt(reader + ", content", part.get_content)


def name_of(value):
    """A name in the form of RFC 2231 is a triple."""
    return value[2] if isinstance(value, tuple) else value


def field_storage(seen, headers, body):
    if cgi is None:
        return
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": headers.get("content-type", ""), "CONTENT_LENGTH": str(len(body))}

    # Parts of a part run on over the outer boundary; that is a fault of this
    # module, which Python 3.13 no longer has.
    outer = b"\n--" + (email.message_from_string("Content-Type: " + headers.get("content-type", "")).get_boundary() or "").encode()

    def walk(fields):
        for f in fields.list or ():
            seen.add("cgi.FieldStorage", "header", f.name or "")
            seen.add("cgi.FieldStorage", "header", getattr(f, "filename", None) or "")
            if f.list:
                walk(f)
            elif outer not in (f.value if isinstance(f.value, bytes) else f.value.encode("utf-8", "surrogateescape")):
                seen.walk("cgi.FieldStorage", f.value)

    try:
        walk(cgi.FieldStorage(fp=io.BytesIO(body), environ=environ, keep_blank_values=True))
    except Exception:
        pass


def cookies(seen, headers):
    try:
        jar = http.cookies.SimpleCookie(headers.get("cookie", ""))
    except http.cookies.CookieError:
        return
    for name, morsel in jar.items():
        seen.add("http.cookies", "name", name)
        seen.add("http.cookies", "value", morsel.value)


def loads(data):
    return json.loads(data, strict=False, parse_int=str, parse_float=str, parse_constant=str)


def http_event(seen, family, ev):
    headers, query, body = request(ev)
    pairs(seen, " of the query", query)
    cookies(seen, headers)
    if not body:
        return
    body = decompress(headers, body)
    if family == "form":
        pairs(seen, " of the body", body.decode("utf-8", "replace"))
        field_storage(seen, headers, body)
    elif family == "json":
        seen.attempt("json.loads of bytes", lambda: loads(body))
        seen.attempt("json.loads of text", lambda: loads(body.decode()))
    elif family == "multipart":
        multipart(seen, headers, body)
        field_storage(seen, headers, body)


DECODERS = {
    "b64decode": base64.b64decode,
    "b64decode, validated": lambda s: base64.b64decode(s, validate=True),
    "urlsafe_b64decode": base64.urlsafe_b64decode,
    "decodebytes": lambda s: base64.decodebytes(s.encode()),
    "a2b_base64": binascii.a2b_base64,
}


TOKEN = re.compile(r"[\w=-]+(\.[\w=-]*)+", re.ASCII)


def base64_text(seen, text):
    texts = {"": text, " and padding": text + "=" * (-len(text) % 4), " and more padding": text + "==="}
    for segment in text.split(".") if TOKEN.fullmatch(text) else ():
        texts[" of segment " + segment] = segment + "=" * (-len(segment) % 4)
    if text[:5].lower() == "data:":
        texts[" behind a comma"] = text.partition(",")[2]
    for how, value in texts.items():
        for name, decode in DECODERS.items():
            try:
                out = decode(value)
            except (ValueError, binascii.Error):
                continue
            reader = name + (" of a segment" if how.startswith(" of segment") else how)
            seen.add(reader, "bytes", base64.b64encode(out).decode())


for line in sys.stdin.buffer:
    case = json.loads(line)
    seen = Seen()
    if case["family"] == "base64":
        base64_text(seen, case["text"])
    else:
        http_event(seen, case["family"], json.loads(base64.b64decode(case["event"])))
    print(json.dumps({"id": case["id"], "seen": seen.list}))
