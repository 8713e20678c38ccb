"""The server of the seed, as its text describes it, made to run: Flask, nothing stored, nothing decided.

In: deliveries. Out: answers. Never here: what the seed has not; it verifies, parses, and looks at the event.

Its snippets do not run as they stand (the route takes no POST, the limiter no key function, and the signature is
compared with its prefix), so this is the server that they mean. The call to GitHub, which it makes inside of the
request, is left out: that would measure GitHub.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any

from flask import Flask, jsonify, request

SECRET = os.environ["WEBHOOK_SECRET"].encode()


def verified(body: bytes, signature: str | None) -> bool:
    """Tell whether the signature fits."""
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return signature is not None and hmac.compare_digest(expected.encode(), signature.encode())


def webhook() -> Any:
    """Answer a delivery."""
    if not verified(request.get_data(), request.headers.get("X-Hub-Signature-256")):
        return jsonify({"error": "Invalid signature"}), 401
    payload = request.get_json()
    if request.headers.get("X-GitHub-Event") != "deployment_protection_rule" or payload["action"] != "requested":
        return jsonify({"message": "Ignored"}), 200
    if payload.get("event") == "schedule":
        return jsonify({"message": "Approved"}), 200
    return jsonify({"message": "Requires manual review"}), 200


app = Flask(__name__)
app.add_url_rule("/webhook", view_func=webhook, methods=["POST"])
