"""A loop around http.client that follows the Runtime API's documentation. It
stands in for AWS's client for Python, which it is not."""
import base64
import http.client
import json
import os
import socket
import sys

HOST = os.environ["AWS_LAMBDA_RUNTIME_API"]
RUNTIME = "/2018-06-01/runtime"
connection = http.client.HTTPConnection(HOST)
cut = None  # the invocation whose answer was broken off last


def say(*words):
    print(*words, flush=True)


def call(method, path, body=None, headers=None, conn=None):
    conn = conn or connection
    headers = headers or {}
    conn.request(method, RUNTIME + path, body, headers, encode_chunked="Transfer-Encoding" in headers)
    response = conn.getresponse()
    return response, response.read()


def reply(request_id, body, headers=None, verb="response", conn=None):
    response, text = call("POST", f"/invocation/{request_id}/{verb}", body, headers, conn)
    say(verb, response.status, text.decode("latin-1"))


def connect():
    host, port = HOST.split(":")
    return socket.create_connection((host, int(port)))


def open_response(request_id, *headers):
    """A connection of its own with the head of a chunked response on it."""
    s = connect()
    head = [f"POST {RUNTIME}/invocation/{request_id}/response HTTP/1.1", f"Host: {HOST}", "Transfer-Encoding: chunked",
            "Lambda-Runtime-Function-Response-Mode: streaming", *headers]
    s.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
    return s


def chunk(s, data):
    s.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def status(s):
    with s, s.makefile("rb") as answer:
        say("stream", answer.readline().decode().strip())


TRAILER = ("Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",)


def handle(request_id, headers, event):
    global cut
    do = event.get("do") if isinstance(event, dict) else None
    if do == "error":
        reply(request_id, json.dumps({"errorMessage": "refused", "errorType": "OrderError"}),
              {"Lambda-Runtime-Function-Error-Type": "Function.OrderError", "Content-Type": "application/vnd.aws.lambda.error+json"}, "error")
    elif do == "exit":
        sys.exit(5)
    elif do == "abort":
        os.abort()
    elif do == "headers":
        reply(request_id, json.dumps(sorted(h for h in headers if h[0] != "Date")))
    elif do == "close":
        reply(request_id, b'"closed"', {"Connection": "close"}, conn=http.client.HTTPConnection(HOST))
    elif do == "bytes":
        reply(request_id, bytes(range(256)), {"Content-Type": "image/png"})
    elif do == "generator":
        reply(request_id, (part for part in (b"one ", b"two ", b"three")), {"Transfer-Encoding": "chunked"})
    elif do == "single bytes":
        s = open_response(request_id)
        for byte in b"one two three":
            chunk(s, bytes([byte]))
        s.sendall(b"0\r\n\r\n")
        status(s)
    elif do == "trailer":
        s = open_response(request_id, *TRAILER)
        chunk(s, b"one two ")
        body = base64.b64encode(b'{"errorMessage":"broke off","errorType":"OrderError"}').decode()
        s.sendall(f"0\r\nLambda-Runtime-Function-Error-Type: Function.OrderError\r\nLambda-Runtime-Function-Error-Body: {body}\r\n\r\n".encode())
        status(s)
    elif do == "empty trailer":
        s = open_response(request_id, *TRAILER)
        chunk(s, b"one two three")
        s.sendall(b"0\r\n\r\n")
        status(s)
    elif do == "undeclared trailer":
        s = open_response(request_id)
        chunk(s, b"one two three")
        s.sendall(b"0\r\nX-Late: yes\r\n\r\n")
        status(s)
    elif do in ("cut", "cut length"):  # the answer ends, the process stays
        cut = request_id
        if do == "cut":
            s = open_response(request_id)
            chunk(s, b"one two ")
        else:
            s = connect()
            s.sendall(f"POST {RUNTIME}/invocation/{request_id}/response HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\nhalf".encode())
        s.shutdown(socket.SHUT_WR)
        while s.recv(4096):  # what comes back, if anything, differs by who notices
            pass
        s.close()
    elif do == "old":  # HTTP/1.0
        s = connect()
        s.sendall(f"POST {RUNTIME}/invocation/{request_id}/response HTTP/1.0\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\n\"old\"".encode())
        status(s)
    else:
        reply(request_id, json.dumps(event))


def main():
    say("start")
    if os.environ["_HANDLER"] == "init-error":
        response, text = call("POST", "/init/error", b'{"errorMessage":"cannot start","errorType":"Runtime.ImportModuleError"}',
                              {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"})
        say("init/error", response.status, text.decode())
        sys.exit(1)
    while True:
        response, body = call("GET", "/invocation/next")
        while cut and (response.status == 403 or response.headers["Lambda-Runtime-Aws-Request-Id"] == cut):  # not noticed yet
            response, body = call("GET", "/invocation/next")
        if response.status != 200:
            say("next", response.status, body.decode("latin-1"))
            sys.exit(4)
        handle(response.headers["Lambda-Runtime-Aws-Request-Id"], response.getheaders(), json.loads(body))


main()
