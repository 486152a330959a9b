"""Conditions that people write as CEL, the Common Expression Language (https://cel.dev): checked for names and types before they are kept.

The only module that knows the library. An expression reads named values and gives true or false; it has no loops of its own, cannot call
out, and is stopped by the library's budget of steps.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

LONGEST = 1000

_TYPES = {"number": cel.Type.INT, "text": cel.Type.STRING, "flag": cel.Type.BOOL, "texts": cel.Type.List(cel.Type.STRING)}
_WHERE = re.compile(r"<input>:(\d+):(\d+): (.*)")

# Gives true or false, or None where these values have no answer: a division by zero, too many steps, a missing value.
Condition = Callable[[Mapping[str, Any]], bool | None]


class ExpressionInvalid(Exception):
    """The text is no condition: `reason` says why, in English, `column` where (from 1; 0 where it is not known)."""

    def __init__(self, reason: str, column: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


@lru_cache(maxsize=64)
def _environment(variables: tuple[tuple[str, str], ...]) -> Any:
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in variables})


def condition(text: str, variables: Mapping[str, str]) -> Condition:
    """The condition that `text` writes over `variables` (name → number, text, flag or texts). Raises ExpressionInvalid."""
    if len(text) > LONGEST:
        raise ExpressionInvalid(f"longer than {LONGEST} characters")
    try:
        expression = _environment(tuple(sorted(variables.items()))).compile(text)
    except RuntimeError as error:
        found = _WHERE.search(str(error))
        raise ExpressionInvalid(found[3].strip(), int(found[2])) if found else ExpressionInvalid("not an expression") from error
    if expression.return_type() != cel.Type.BOOL:
        raise ExpressionInvalid("gives no true or false")

    def holds(values: Mapping[str, Any]) -> bool | None:
        try:
            answer = expression.eval(data=values).value()
        except RuntimeError:
            return None
        return answer if isinstance(answer, bool) else None

    return holds


def blank(kind: str) -> int | str | bool | Sequence[str]:
    """What stands for a value that was not given."""
    return {"number": 0, "text": "", "flag": False, "texts": []}[kind]  # type: ignore[return-value]
