"""The container's own question: does the web process answer? Asks as a client of the installation would, through no proxy."""

import os
import urllib.request

host = os.environ.get("ALLOWED_HOSTS", "127.0.0.1").split(",")[0].strip().lstrip(".*") or "127.0.0.1"
request = urllib.request.Request("http://127.0.0.1:8000/healthz", headers={"Host": host})
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=4)
