"""What tests/schemathesis.rs adds to schemathesis: lines of JSON as a body, addresses that nobody has, and a check."""

import json
import uuid

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """Text is sent as it is; anything else is one line of it."""
    return value if isinstance(value, (str, bytes)) else json.dumps(value)


@schemathesis.hook
def before_call(context, case, kwargs):
    """A key is for one request, and a cursor is one that an answer gave: what is made up is refused for that alone."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.query and "cursor" in case.query:
        del case.query["cursor"]


@schemathesis.hook
def map_body(context, body):
    """The example of a webhook leads to the only host that the server under test lets webhooks be at, which nobody has."""
    if isinstance(body, dict) and str(body.get("url", "")).startswith("https://example.org/"):
        return {**body, "url": "https://hooks.test/hook"}
    return body


@schemathesis.check
def fields_are_as_described(ctx, response, case):
    """What fits the schema is refused for what it says, if at all, and not for its form."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 422:
        return
    code = response.json()["code"]
    assert not code.startswith("field_"), f"{code}: {response.json().get('detail')}"
