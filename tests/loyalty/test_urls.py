"""The API's description, and what it says of every operation."""

from io import StringIO

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from loyalty.lib.fields import StrictSerializer

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture(scope="module")
def operations(schema):
    found = {(path, method): item[method] for path, item in schema["paths"].items() for method in METHODS if method in item}
    assert found
    return found


def test_the_description_is_valid_and_warns_of_nothing():
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


@pytest.mark.django_db
def test_the_description_and_its_pages_are_for_anyone(client):
    assert client.get("/api/schema").status_code == 200
    assert client.get("/api/docs").status_code == 200


def test_every_operation_has_a_summary_and_its_problems(operations):
    for where, operation in operations.items():
        assert operation.get("summary"), where
        assert {"400", "429"} <= set(operation["responses"]), where
        for status, response in operation["responses"].items():
            if status >= "400":
                assert "application/problem+json" in response["content"], where


def test_every_operation_shows_an_example(operations):
    bare = []
    for (path, method), operation in operations.items():
        bodies = {"request": operation["requestBody"]} if "requestBody" in operation else {}
        bodies |= {status: response for status, response in operation["responses"].items() if status < "300" and response.get("content")}
        # A file is no JSON to show.
        shown = [(which, kind, content) for which, body in bodies.items() for kind, content in body["content"].items() if kind != "application/zip"]
        bare += [f"{method} {path} {which}" for which, _kind, content in shown if not content.get("examples")]
    assert bare == []


def test_every_body_is_read_strictly(schema, operations):
    # What providers send as receipts is theirs to say.
    ours = {where: operation for where, operation in operations.items() if "/receipts/" not in where[0]}
    for where, operation in ours.items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            component = schema["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
            assert component.get("additionalProperties") is False, where


def test_every_nested_body_is_strict_too():
    def subclasses(cls):
        return {cls, *(each for child in cls.__subclasses__() for each in subclasses(child))}

    for serializer in subclasses(StrictSerializer):
        for name, field in serializer().fields.items():
            nested = getattr(field, "child", field)
            if hasattr(nested, "fields") and not field.read_only:
                assert isinstance(nested, StrictSerializer), f"{serializer.__qualname__}.{name}"


def test_writes_under_an_idempotency_key_say_so(operations):
    for where, operation in operations.items():
        headers = {parameter["name"]: parameter for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
        if "Idempotency-Key" in headers:
            assert headers["Idempotency-Key"]["required"], where
            assert {"409", "422"} <= set(operation["responses"]), where


def test_own_paths_are_for_members_tokens_and_named_ones_for_storefronts(operations):
    for (path, _method), operation in operations.items():
        if path.startswith("/api/v1/members/"):
            assert operation["security"] == [{"storefrontKey": []}]
        if path == "/api/v1/me" or path.startswith("/api/v1/me/"):
            assert operation["security"] == [{"memberToken": []}]
