"""A message in the words of a provider that takes templates only."""

from collections.abc import Sequence

from accounts.channels.rules import Outcome, Rendered, Setup, Template


class MissingError(Exception):
    """There is nothing to send: `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


def filled(setup: Setup, message: Rendered) -> tuple[Template, Sequence[tuple[str, str]]]:
    """The provider's template for this kind of message and (its name, value) of each variable. Raises MissingError."""
    template = setup.template_of(message)
    if template is None:
        # An operator can add it: not the message's fault.
        raise MissingError(Outcome("unreachable", detail="template_missing"))
    absent = [ours for _theirs, ours in template.variables if ours not in message.parameters]
    if absent:
        raise MissingError(Outcome("refused", detail=f"the message has no {', '.join(absent)}"))
    return template, [(theirs, message.parameters[ours]) for theirs, ours in template.variables]
