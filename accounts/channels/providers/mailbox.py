"""E-mail into a folder: a file for each message, as it would have been sent. The same key again is the same file."""

from datetime import datetime
from email.errors import MessageError
from pathlib import Path

from accounts.channels import rules
from accounts.channels.rules import Outcome, Rendered, Setup

from .smtp import in_ascii, message_id, write


def send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    try:
        sender, to = in_ascii(setup.parameters["from_address"]), in_ascii(to)
        number = message_id(key, sender)
        content = write(setup, sender, to, message, number, now).as_bytes()
    except (ValueError, MessageError) as error:
        return Outcome("refused", detail=rules.short(f"the message cannot be written: {error}"))
    folder = Path(setup.environment["MAIL_DIR"])
    file = folder / f"{rules.mark(key)}.eml"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = file.with_suffix(".part")
        beside.write_bytes(content)
        beside.replace(file)
    except OSError as error:
        return Outcome("unreachable", detail=rules.short(str(error)))
    return Outcome("accepted", provider_id=number, detail=file.name)
