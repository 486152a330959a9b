"""A refusal: the caller asked for something that the business does not allow, and is told what and why."""

from typing import Any

from django.utils.translation import gettext_lazy as _


class BusinessError(Exception):
    """Raised by a verb that refuses. Nothing was written.

    Subclasses set `code` (stable, for programs), `status` (HTTP) and `title` (a translatable sentence for people, the message
    by default). Keyword arguments become members of the problem the API answers, so they must be plain JSON values; where they are
    given, the message is `sentence`, the title with these figures in it.
    """

    code = "refused"
    status = 409
    title = "The request was refused."
    sentence = ""

    def __init__(self, message: str = "", **figures: Any) -> None:
        if not message and self.sentence and figures:
            message = str(self.sentence) % figures
        self.message = str(message or self.title)
        self.figures = figures
        super().__init__(self.message)


class ReasonMissing(BusinessError):
    """Of an act that is on record with its reason."""

    code, status, title = "reason_missing", 422, _("Give a reason.")
