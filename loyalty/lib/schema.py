"""OpenAPI: what every operation has in common is said once, here, from what its view declares.

Who may call (`scopes`, `members_may`), the `Idempotency-Key` header of a view method under `@idempotent`, and the problems that
any caller must be ready for.
"""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from .callers import open_to_members, scope_for
from .fields import StrictSerializer
from .problems import MEDIA_TYPE

PROBLEMS = {
    400: "The request cannot be read, or says something it may not; `errors` lists each field.",
    401: "Nobody, or credentials that are not valid.",
    403: "Somebody else: the key lacks the scope named in `scope`, or this is not for a member's token.",
    404: "There is no such thing, or it belongs to another member.",
    409: "Not in this state, or `in_flight`: the same Idempotency-Key is being answered right now.",
    415: "Something other than JSON.",
    422: "Understood and refused; `key_reused`: the Idempotency-Key came before with another request.",
    429: "Too many requests; wait as `Retry-After` says.",
}


class ProblemLine(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="Dotted path into the body, like lines.0.quantity; empty for the whole.")
    code = serializers.CharField()
    message = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """RFC 9457. Some codes add figures of their own, such as what was expected."""

    type = serializers.CharField(help_text="urn:loyalty:problem:{code}")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="Stable, for programs.")
    request_id = serializers.CharField(required=False, help_text="To be quoted when asking about it.")
    errors = ProblemLine(many=True, required=False)


class ProblemSchema(AutoSchema):
    def _handler(self) -> Any:
        return getattr(self.view, self.method.lower(), None)

    def _is_idempotent(self) -> bool:
        return getattr(self._handler(), "idempotent", False)

    def _is_ours(self) -> bool:
        return hasattr(self.view, "scopes")

    def _is_members_own(self) -> bool:
        return self.path == "/api/v1/me" or self.path.startswith("/api/v1/me/")

    def is_excluded(self) -> bool:
        """Under /me there is only what members may."""
        return self._is_ours() and self._is_members_own() and not open_to_members(self.view, self.method)

    def get_tags(self) -> list[str]:
        """The first noun of the path that is not the member's own."""
        nouns = [part for part in self.path.removeprefix("/api/v1/").split("/") if not part.startswith("{")]
        of_member = nouns[0] in ("members", "me")
        return [nouns[1] if of_member and len(nouns) > 1 else "members" if of_member else nouns[0]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        both = super().get_auth()
        if not self._is_ours():
            return both
        if scope_for(self.view, self.method) is None:
            return [{}, *both]
        named = self.path.startswith("/api/v1/members/")
        may = {"storefrontKey": not self._is_members_own(), "memberToken": not named and open_to_members(self.view, self.method)}
        return [each for each in both if any(may[name] for name in each)]

    def get_override_parameters(self) -> list[OpenApiParameter]:
        given = list(super().get_override_parameters())
        if self._is_idempotent():
            about = "Made by the caller, one per intended effect; sent again with the same request, the first answer is given again."
            schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
            given.append(OpenApiParameter("Idempotency-Key", schema, OpenApiParameter.HEADER, required=True, description=about))
        return given

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if self._is_ours() and direction == "response":
            component = self.resolve_serializer(Problem, "response")
            for status in self._problems():
                content = {MEDIA_TYPE: {"schema": component.ref}}
                responses.setdefault(str(status), {"description": PROBLEMS[status], "content": content})
        return dict(sorted(responses.items()))

    def _problems(self) -> set[int]:
        found = {400, 401, 429}
        if scope_for(self.view, self.method) is not None:
            found.add(403)
        if "{" in self.path or any(parameter.name == "member" for parameter in self.get_override_parameters()):
            found.add(404)
        if self.method in ("POST", "PUT", "PATCH"):
            found |= {404, 409, 415, 422}
        return found

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, StrictSerializer) and direction == "request":
            schema["additionalProperties"] = False
        return schema
