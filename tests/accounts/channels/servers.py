"""Servers on 127.0.0.1 that speak the providers' protocols over TLS and check, from the written specifications, what they are sent.

Nothing of the code under test is used here. A server answers as its provider would, unless the test tells it to answer something else.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import h2.config
import h2.connection
import h2.events
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True, strict_parsing=bool(urlsplit(self.target).query)))

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Said:
    """An answer. `how`: "hang" never answers, "close" ends the connection instead, "drip" sends a byte now and then, "noise" the body and no HTTP."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    how: str = ""


def say(body, status=200, **headers):
    return Said(status, json.dumps(body).encode(), {"content-type": "application/json", **headers})


HANG, CLOSE, DRIP = Said(how="hang"), Said(how="close"), Said(how="drip")


class Server:
    """Listens over TLS. `asked`: what came; `wrong`: what of it the provider would not have understood; `next`: answers in place of its own."""

    http2 = False

    def __init__(self, certificate, *, handshakes=True):
        self.asked: list[Asked] = []
        self.wrong: list[str] = []
        self.next: deque[Said] = deque()
        self.connections = 0
        self.sent = 0
        self._handshakes = handshakes
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.set_alpn_protocols(["h2" if self.http2 else "http/1.1"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self):
        self._over.set()
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def _accept(self):
        while not self._over.is_set():
            try:
                plain, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(plain)
            if self._handshakes:
                thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, plain):
        with contextlib.suppress(OSError, ssl.SSLError, ValueError), self._context.wrap_socket(plain, server_side=True) as sock:
            self._open.append(sock)
            self._talk(sock)

    def _talk(self, sock):
        """HTTP/1.1, one request after the other on the same connection."""
        file = sock.makefile("rb")
        while line := file.readline():
            method, target, _version = line.decode().split()
            headers = {}
            while (header := file.readline()) not in (b"\r\n", b""):
                name, _colon, value = header.decode().partition(":")
                headers[name.lower()] = value.strip()
            said = self._said(Asked(method, target, headers, file.read(int(headers.get("content-length", 0)))))
            if said.how == "hang":
                self._over.wait(10)
                return
            if said.how == "noise":
                sock.sendall(said.body)
            if said.how in ("close", "noise"):
                return
            if said.how == "drip":
                for letter in b"HTTP/1.1 200 said\r\nx-sample: " + b"x" * 1000:
                    sock.sendall(bytes([letter]))
                    if self._over.wait(0.1):
                        return
                return
            head = "".join(f"{name}: {value}\r\n" for name, value in {"content-length": str(len(said.body)), **said.headers}.items())
            sock.sendall(f"HTTP/1.1 {said.status} said\r\n{head}\r\n".encode())
            self._send(sock, said.body)

    def _send(self, sock, body):
        for start in range(0, len(body), 65_536):
            sock.sendall(body[start : start + 65_536])
            self.sent += len(body[start : start + 65_536])

    def _said(self, asked):
        self.asked.append(asked)
        own = self.answer(asked)
        return self.next.popleft() if self.next and self.takes_turns(asked) else own

    def takes_turns(self, asked):
        """Whether an answer that the test has put down is for this request."""
        return True

    def answer(self, asked):
        raise NotImplementedError


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256)


def _sha(data):
    return hashlib.sha256(data).hexdigest()


def acs3_signature(secret, *, method, path, query, headers, signed_headers, body_hash):
    """Aliyun, “V3 request structure and signature”: canonical request, string to sign, signature. `query`: as it came, still escaped."""
    pairs = sorted((unquote(name), unquote(value)) for name, _equals, value in (part.partition("=") for part in query.split("&") if part))
    canonical_query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    canonical_headers = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(signed_headers.split(";")))
    canonical = f"{method}\n{path}\n{canonical_query}\n{canonical_headers}\n{signed_headers}\n{body_hash}"
    return _hmac(secret.encode(), f"ACS3-HMAC-SHA256\n{_sha(canonical.encode())}").hexdigest()


class Aliyun(Server):
    key_id, secret = "sample-key-id", "sample-key-secret"

    def answer(self, asked):
        if fault := self.fault(asked):
            self.wrong.append(fault)
            return say({"Code": "SignatureDoesNotMatch", "Message": fault, "RequestId": "r"}, 400)
        number = f"{len(self.asked)}00^0"
        return say({"Code": "OK", "Message": "OK", "BizId": number, "RequestId": "r"})

    def fault(self, asked):
        headers = asked.headers
        scheme, _blank, rest = headers.get("authorization", "").partition(" ")
        said = dict(part.split("=", 1) for part in rest.split(","))
        if scheme != "ACS3-HMAC-SHA256" or said.get("Credential") != self.key_id:
            return "no credential"
        signed = said["SignedHeaders"].split(";")
        if {name for name in headers if name == "host" or name.startswith("x-acs-")} - set(signed):
            return "a header is not signed"
        if headers["host"] != f"127.0.0.1:{self.port}" or headers["x-acs-content-sha256"] != _sha(asked.body):
            return "host or body"
        sent = datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs((datetime.now(UTC) - sent).total_seconds()) > 900:
            return "too old"
        if len(headers.get("x-acs-signature-nonce", "")) < 16 or headers["x-acs-signature-nonce"] in [
            one.headers["x-acs-signature-nonce"] for one in self.asked[:-1]
        ]:
            return "the nonce was used before"
        wanted = acs3_signature(
            self.secret, method=asked.method, path=asked.path, query=urlsplit(asked.target).query, headers=headers,
            signed_headers=said["SignedHeaders"], body_hash=headers["x-acs-content-sha256"],
        )  # fmt: skip
        if not hmac.compare_digest(wanted, said["Signature"]):
            return "the signature is another"
        if (headers["x-acs-action"], headers["x-acs-version"], asked.method, asked.path) != ("SendSms", "2017-05-25", "POST", "/"):
            return "another operation"
        return "" if {"PhoneNumbers", "SignName", "TemplateCode"} <= set(asked.query) else "a parameter is missing"


def tc3_signature(secret, *, service, content_type, host, action, timestamp, body):
    """Tencent Cloud, “signature method v3”."""
    canonical = f"POST\n/\n\ncontent-type:{content_type}\nhost:{host}\nx-tc-action:{action.lower()}\n\ncontent-type;host;x-tc-action\n{_sha(body)}"
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{date}/{service}/tc3_request\n{_sha(canonical.encode())}"
    signing = _hmac(_hmac(_hmac(f"TC3{secret}".encode(), date).digest(), service).digest(), "tc3_request").digest()
    return _hmac(signing, text).hexdigest()


class Tencent(Server):
    secret_id, secret = "sample-secret-id", "sample-secret-key"

    def answer(self, asked):
        if fault := self.fault(asked):
            self.wrong.append(fault)
            return say({"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": fault}, "RequestId": "r"}})
        return self.of_number("Ok", "send success")

    def of_number(self, code, message, serial="2433:1"):
        asked = self.asked[-1].json
        line = {"SerialNo": serial if code == "Ok" else "", "PhoneNumber": asked["PhoneNumberSet"][0], "Fee": 1, "SessionContext": asked["SessionContext"]}
        return say({"Response": {"SendStatusSet": [{**line, "Code": code, "Message": message, "IsoCode": "CN"}], "RequestId": "r"}})

    def fault(self, asked):
        headers = asked.headers
        timestamp = int(headers["x-tc-timestamp"])
        if abs(time.time() - timestamp) > 300:
            return "too old"
        date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
        wanted = tc3_signature(
            self.secret, service="sms", content_type=headers["content-type"], host=f"127.0.0.1:{self.port}", action=headers["x-tc-action"],
            timestamp=timestamp, body=asked.body,
        )  # fmt: skip
        credential = f"Credential={self.secret_id}/{date}/sms/tc3_request"
        if headers["authorization"] != f"TC3-HMAC-SHA256 {credential}, SignedHeaders=content-type;host;x-tc-action, Signature={wanted}":
            return "the signature is another"
        if (headers["x-tc-action"], headers["x-tc-version"], asked.method, asked.path) != ("SendSms", "2021-01-11", "POST", "/"):
            return "another operation"
        needed = {"PhoneNumberSet", "SmsSdkAppId", "SignName", "TemplateId", "TemplateParamSet"}
        return "" if needed <= set(asked.json) and headers.get("x-tc-region") else "a parameter is missing"


def _decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def jwt_parts(token):
    """Header, claims, what is signed, signature (RFC 7515)."""
    header, claims, signature = token.split(".")
    return json.loads(_decoded(header)), json.loads(_decoded(claims)), f"{header}.{claims}".encode(), _decoded(signature)


class Fcm(Server):
    """Google's token endpoint at /token, and FCM beside it."""

    def __init__(self, certificate, *, public_key, account, project, **options):
        self.public_key, self.account, self.project = public_key, account, project
        self.tokens: list[str] = []
        super().__init__(certificate, **options)

    def takes_turns(self, asked):
        return asked.path != "/token"

    def answer(self, asked):
        return self.token(asked) if asked.path == "/token" else self.message(asked)

    def token(self, asked):
        form = dict(parse_qsl(asked.body.decode()))
        header, claims, signed, signature = jwt_parts(form["assertion"])
        try:
            self.public_key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            self.wrong.append("the assertion's signature")
        good = (
            form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            and header["alg"] == "RS256"
            and claims["iss"] == self.account
            and claims["aud"] == f"{self.url}/token"
            and claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
            and 0 < claims["exp"] - claims["iat"] <= 3600
            and abs(claims["iat"] - time.time()) < 300
        )
        if not good:
            self.wrong.append("the assertion")
        if self.wrong:
            return say({"error": "invalid_grant", "error_description": "Invalid JWT"}, 400)
        self.tokens.append(f"ya29.sample-{len(self.tokens)}")
        return say({"access_token": self.tokens[-1], "expires_in": 3599, "token_type": "Bearer"})

    def message(self, asked):
        if not self.tokens or asked.headers.get("authorization") != f"Bearer {self.tokens[-1]}":
            return self.error(401, "UNAUTHENTICATED")
        if asked.path != f"/v1/projects/{self.project}/messages:send" or not asked.json["message"]["token"]:
            self.wrong.append("the path or the message")
        return say({"name": f"projects/{self.project}/messages/0:{len(self.asked)}"})

    @staticmethod
    def error(status, code, fcm="", field="", **headers):
        details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": fcm}] if fcm else []
        if field:
            details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field, "description": "Invalid"}]})
        return say({"error": {"code": status, "message": "sample", "status": code, "details": details}}, status, **headers)


class WeChat(Server):
    app_id, secret = "wx0123456789abcdef", "sample-app-secret"

    def __init__(self, certificate, **options):
        self.tokens: list[str] = []
        self.taken: dict[tuple[str, str], int] = {}
        super().__init__(certificate, **options)

    def takes_turns(self, asked):
        return asked.path != "/cgi-bin/stable_token"

    def answer(self, asked):
        if asked.path == "/cgi-bin/stable_token":
            if asked.json != {"grant_type": "client_credential", "appid": self.app_id, "secret": self.secret}:
                return say({"errcode": 40125, "errmsg": "invalid appsecret"})
            if not self.tokens:
                self.new_token()
            return say({"access_token": self.tokens[-1], "expires_in": 7200})
        if asked.query.get("access_token") not in self.tokens[-1:]:
            return say({"errcode": 42001, "errmsg": "access_token expired"})
        about = asked.json
        if asked.path != "/cgi-bin/message/template/send" or not {"touser", "template_id", "data"} <= set(about):
            self.wrong.append("the path or the message")
        number = self.taken.setdefault((about["touser"], about["client_msg_id"]), 200_163_836 + len(self.taken))
        return say({"errcode": 0, "errmsg": "ok", "msgid": number})

    def new_token(self):
        self.tokens.append(f"sample-token_{len(self.tokens)}")


class Apns(Server):
    http2 = True

    def __init__(self, certificate, *, public_key, team, key_id, topic, **options):
        self.public_key, self.team, self.key_id, self.topic = public_key, team, key_id, topic
        super().__init__(certificate, **options)

    def _talk(self, sock):
        """HTTP/2 by hyper-h2."""
        if sock.selected_alpn_protocol() != "h2":
            self.wrong.append("no HTTP/2")
            return
        talk = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        talk.initiate_connection()
        sock.sendall(talk.data_to_send())
        streams: dict[int, tuple[dict[str, str], bytearray]] = {}
        while data := sock.recv(65_536):
            for event in talk.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    headers = {(name.decode() if isinstance(name, bytes) else name): (v.decode() if isinstance(v, bytes) else v) for name, v in event.headers}
                    streams[event.stream_id] = (headers, bytearray())
                elif isinstance(event, h2.events.DataReceived):
                    streams[event.stream_id][1].extend(event.data)
                    talk.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    headers, body = streams.pop(event.stream_id)
                    said = self._said(Asked(headers[":method"], headers[":path"], headers, bytes(body)))
                    if said.how == "drip":
                        self._drip(sock, talk, event.stream_id)
                    if said.how == "noise":
                        sock.sendall(said.body)
                    if said.how:
                        self._over.wait(10 if said.how == "hang" else 0)
                        return
                    talk.send_headers(event.stream_id, [(":status", str(said.status)), *said.headers.items()])
                    sock.sendall(talk.data_to_send())
                    # No more than the windows let through at first: whoever wants more must say so.
                    part = said.body[: min(len(said.body), talk.local_flow_control_window(event.stream_id))]
                    for start in range(0, len(part), 16_384):
                        piece = part[start : start + 16_384]
                        talk.send_data(event.stream_id, piece)
                        self.sent += len(piece)
                    if len(part) == len(said.body):
                        talk.end_stream(event.stream_id)
            sock.sendall(talk.data_to_send())

    def _drip(self, sock, talk, stream):
        talk.send_headers(stream, [(":status", "200")])
        for _letter in range(1000):
            talk.send_data(stream, b"x")
            sock.sendall(talk.data_to_send())
            if self._over.wait(0.1):
                return

    def answer(self, asked):
        if fault := self.fault(asked):
            self.wrong.append(fault)
            return say({"reason": "InvalidProviderToken"}, 403)
        return Said(200, b"", {"apns-id": asked.headers["apns-id"]})

    def fault(self, asked):
        headers = asked.headers
        scheme, _blank, token = headers["authorization"].partition(" ")
        header, claims, signed, signature = jwt_parts(token)
        half = len(signature) // 2
        try:
            numbers = (int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
            self.public_key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return "the signature is another"
        if (scheme, header["alg"], header["kid"], claims["iss"]) != ("bearer", "ES256", self.key_id, self.team):
            return "the token"
        if abs(claims["iat"] - time.time()) > 3600:
            return "too old"
        if asked.method != "POST" or not asked.path.startswith("/3/device/") or headers["apns-topic"] != self.topic or headers["apns-push-type"] != "alert":
            return "the path or the topic"
        if len(headers["apns-collapse-id"]) > 64 or len(headers["apns-id"]) != 36:
            return "the ids"
        return "" if asked.json["aps"]["alert"]["body"] else "nothing to show"
