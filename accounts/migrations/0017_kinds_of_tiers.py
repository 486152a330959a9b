from django.db import migrations

# Marks a sentence for translation; it is translated where it is shown.
_ = str

MOST = 10**12
POINTS = {"name": "points", "type": "number", "required": False, "minimum": 0, "maximum": MOST}
ALLOWANCE = {**POINTS, "help": _("What the member's tier brings each month.")}
LEVEL_UP = {**POINTS, "help": _("The gift that the tier promises to who reaches it.")}
BIRTHDAY = {**POINTS, "help": _("The gift that the member's tier promises for birthdays.")}
TIER = {"name": "tier", "type": "text", "required": True, "help": _("The tier's code.")}
MONTH = {"name": "month", "type": "text", "required": True, "help": _("The month that it counts for, like 2026-03.")}

# code, Chinese, English, when it is told, subject, fields
OURS = [
    ("tier_reached", "升级", "Tier reached", _("The member has reached a tier by what they did."), ["tier"], [TIER, LEVEL_UP]),
    ("allowance", "月度礼遇", "Monthly allowance", _("A new month has begun for a member whose tier brings points each month."), ["month"], [MONTH, ALLOWANCE]),
]


def load(apps, schema_editor):
    FactKind = apps.get_model("accounts", "FactKind")
    FactKind.objects.bulk_create(
        [
            FactKind(code=code, name_zh=zh, name_en=en, description=told, once="subject", subject=subject, fields=fields, ours=True, built_in=True)
            for code, zh, en, told, subject, fields in OURS
        ],
        ignore_conflicts=True,
    )
    for birthday in FactKind.objects.filter(code="birthday"):
        if all(field["name"] != "points" for field in birthday.fields):
            birthday.fields = [*birthday.fields, BIRTHDAY]
            birthday.save()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0016_notifications")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
