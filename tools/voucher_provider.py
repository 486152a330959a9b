"""A provider of vouchers for the demo and the tests: it speaks what docs/INTEGRATING.md says, and what it issues is worth nothing.

    VOUCHER_SECRET_SAMPLE=… python tools/voucher_provider.py --port 8100 --file vouchers.sqlite3

Every key is answered once and for all, whatever became of this process meanwhile: the orders are in the file. SOLD-OUT is always refused, SLOW
is made while you wait, any other SKU that begins with SAMPLE- is issued at once. An order with an end is lent: DELETE takes it back, and another order
may extend it while it is out. Only Python's standard library, as for all that `make run` starts.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import secrets
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY_ID = "sample-shop"
# How old a signature may be, in seconds.
FRESH = 300
SLOW_SECONDS = 20
MOST_READ = 64 * 1024


class Refusal(Exception):
    """Answered, with nothing done."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code


class Orders:
    """The provider's books: one row a key, written once; a cancelled key stays cancelled, even where it was never ordered."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._rows = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._rows.execute("CREATE TABLE IF NOT EXISTS orders (key TEXT PRIMARY KEY, asked TEXT, status TEXT, vouchers TEXT, at REAL, used INTEGER DEFAULT 0)")

    def order(self, key: str, sku: str, quantity: int, until: str = "", extends: str = "") -> dict[str, Any]:
        """Issue it. `until`: lent, to end then; `extends`: the key of the loan that ends then instead."""
        asked = json.dumps([sku, quantity, until, extends] if until else [sku, quantity])
        with self._lock:
            row = self._row(key)
            if row is None:
                status = "refused" if sku == "SOLD-OUT" or not (sku == "SLOW" or sku.startswith("SAMPLE-")) else "pending" if sku == "SLOW" else "issued"
                if extends and extends not in self.lent():
                    status = "refused"
                made = [self._voucher() for _one in range(quantity)] if status != "refused" and not extends else []
                values = (key, asked, status, json.dumps(made), time.time())
                self._rows.execute("INSERT INTO orders (key, asked, status, vouchers, at) VALUES (?, ?, ?, ?, ?)", values)
            elif row["asked"] not in (asked, ""):
                raise Refusal(409, "key_used_for_another_order")
        return self.look(key)

    def look(self, key: str) -> dict[str, Any]:
        row = self._row(key)
        if row is None:
            return {"key": key, "status": "absent"}
        status = "issued" if row["status"] == "pending" and time.time() >= row["at"] + SLOW_SECONDS else row["status"]
        told = {"key": key, "status": status, "number": f"S-{row['rowid']}"}
        if status == "refused":
            told["code"] = "not_to_be_had"
        return {**told, "vouchers": json.loads(row["vouchers"])} if status == "issued" else told

    def cancel(self, key: str) -> dict[str, Any]:
        with self._lock:
            self._rows.execute("INSERT OR IGNORE INTO orders (key, asked, status, vouchers, at) VALUES (?, '', 'cancelled', '[]', ?)", (key, time.time()))
            self._rows.execute("UPDATE orders SET status = 'cancelled' WHERE key = ? AND used = 0 AND status <> 'refused'", (key,))
        return self.look(key)

    def use(self, key: str) -> None:
        """Somebody went to the cinema: from now on it cannot be cancelled."""
        self._rows.execute("UPDATE orders SET used = 1 WHERE key = ?", (key,))

    def issued(self) -> list[dict[str, Any]]:
        keys = [key for (key,) in self._rows.execute("SELECT key FROM orders")]
        return [told for told in map(self.look, keys) if told["status"] == "issued"]

    def lent(self) -> dict[str, str]:
        """What is out: the key of each loan, and when it is to end."""
        out: dict[str, str] = {}
        for told in self.issued():
            row = self._row(told["key"])
            _sku, _quantity, until, extends = [*json.loads(row["asked"]), "", ""][:4] if row else ("", 0, "", "")
            if extends in out or (until and not extends):
                out[extends or told["key"]] = until
        return out

    def _row(self, key: str) -> dict[str, Any] | None:
        names = ("rowid", "key", "asked", "status", "vouchers", "at")
        row = self._rows.execute(f"SELECT {', '.join(names)} FROM orders WHERE key = ?", (key,)).fetchone()  # noqa: S608 (our own names)
        return dict(zip(names, row, strict=True)) if row else None

    @staticmethod
    def _voucher() -> dict[str, str]:
        code = f"SAMPLE-{secrets.token_hex(4).upper()}-{secrets.token_hex(4).upper()}"
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 90 * 86_400))
        return {"code": code, "url": f"https://vouchers.example/{code}", "expires_on": day}


class Provider(ThreadingHTTPServer):
    """Listens on 127.0.0.1. `asked`: method and path of each request that was signed as it should be."""

    daemon_threads = True
    clock = staticmethod(time.time)

    def __init__(self, *, port: int = 0, file: Path, secret: str, key_id: str = KEY_ID) -> None:
        self.orders, self.secret, self.key_id = Orders(file), secret, key_id
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", port), Conversation)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, talk: "Conversation", method: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What is done for one request, and its answer."""
        if method == "POST":
            told = self.orders.order(body["key"], body["sku"], body["quantity"], body.get("until", ""), body.get("extends", ""))
        else:
            told = self.orders.look(key) if method == "GET" else self.orders.cancel(key)
        return self.status_of(method, told), told

    @staticmethod
    def status_of(method: str, told: dict[str, Any]) -> int:
        if method == "DELETE":
            return 409 if told["status"] == "issued" else 200
        return {"absent": 404, "refused": 422 if method == "POST" else 200, "pending": 202}.get(told["status"], 200)


class Conversation(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Provider

    def _serve(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MOST_READ))
        try:
            self._check(body)
            self.server.asked.append((self.command, self.path))
            status, told = self.server.answer(self, self.command, self._key(), self._order(body))
        except Refusal as refusal:
            status, told = refusal.status, {"status": "error", "code": refusal.code}
        self.say(status, told)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 (the standard library's names)

    def say(self, status: int, told: dict[str, Any]) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _check(self, body: bytes) -> None:
        """Who asks has signed method, path, time and body with the secret that belongs to their key."""
        found = re.fullmatch(r"HMAC-SHA256 Credential=(\S+), Timestamp=(\d{1,12}), Signature=([0-9a-f]{64})", self.headers.get("authorization") or "")
        if not found or found[1] != self.server.key_id:
            raise Refusal(401, "credential_unknown")
        if abs(self.server.clock() - int(found[2])) > FRESH:
            raise Refusal(401, "signature_too_old")
        text = "\n".join((self.command, self.path, found[2], hashlib.sha256(body).hexdigest()))
        if not hmac.compare_digest(hmac.new(self.server.secret.encode(), text.encode(), hashlib.sha256).hexdigest(), found[3]):
            raise Refusal(401, "signature_wrong")

    def _key(self) -> str:
        """The key in the path; empty where an order is made."""
        found = re.fullmatch(r"/orders(?:/([0-9A-Za-z_-]{1,100}))?", self.path)
        if not found or (self.command == "POST") == bool(found[1]):
            raise Refusal(404, "no_such_page")
        return found[1] or ""

    def _order(self, body: bytes) -> dict[str, Any]:
        if self.command != "POST":
            return {}
        try:
            told = json.loads(body)
            whole = isinstance(told["key"], str) and isinstance(told["sku"], str) and isinstance(told["quantity"], int) and 1 <= told["quantity"] <= 1000
            whole = whole and re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?", told.get("until", "")) is not None
            whole = whole and isinstance(told.get("extends", ""), str) and bool(told.get("until") or not told.get("extends"))
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole or self.headers.get("idempotency-key") != told["key"]:
            raise Refusal(400, "order_not_understood")
        return told

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the standard library's name)
        sys.stdout.write(f"{self.log_date_time_string()} {format % args}\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider of sample vouchers, on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--file", type=Path, required=True, help="where its orders are kept")
    asked = parser.parse_args()
    provider = Provider(port=asked.port, file=asked.file, secret=os.environ["VOUCHER_SECRET_SAMPLE"])
    print(f"Listening on {provider.url}", flush=True)
    provider.serve_forever()


if __name__ == "__main__":
    main()
