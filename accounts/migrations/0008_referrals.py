from datetime import timedelta

import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import loyalty.lib.ids

WINDOW = timedelta(days=90)


def refer_who_was_invited(apps, schema_editor):
    """Friends who registered before there were referrals. Whoever has bought by now has made the first order already."""
    member, purchase, referral = (apps.get_model("accounts", name) for name in ("Member", "Purchase", "Referral"))
    bought = models.Exists(purchase.objects.filter(member_id=models.OuterRef("pk"), paid_cents__gt=0))
    invited = member.objects.filter(referred_by__isnull=False, registered_at__isnull=False).annotate(bought=bought)
    rows = []
    for friend in invited.iterator(chunk_size=1000):
        rows.append(
            referral(
                member_id=friend.pk,
                inviter_id=friend.referred_by_id,
                status="not_new" if friend.bought else "open",
                registered_at=friend.registered_at,
                until=friend.registered_at + WINDOW,
                settled_at=friend.registered_at,
            )
        )
        if len(rows) == 1000:
            referral.objects.bulk_create(rows)
            rows.clear()
    referral.objects.bulk_create(rows)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_segments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReferralTerms",
            fields=[
                ("id", models.SmallAutoField(primary_key=True, serialize=False)),
                (
                    "active",
                    models.BooleanField(
                        default=True,
                        help_text="Off: nobody gets a code, and whoever registers makes no new referral; who invited them is still kept. Open referrals go on.",
                        verbose_name="members may invite",
                    ),
                ),
                (
                    "window_days",
                    models.PositiveIntegerField(
                        default=90,
                        help_text="So many days after registering, the friend's first order must be paid. 0: no limit. Holds for friends who register from now on.",
                        validators=[django.core.validators.MaxValueValidator(3650)],
                        verbose_name="days for the first order",
                    ),
                ),
                (
                    "link_template",
                    models.CharField(
                        blank=True,
                        help_text="The page of the shop to which an invitation leads, with {code} in the place of the code: https://shop.example/r/{code}. Empty: no link.",
                        max_length=300,
                        verbose_name="link",
                    ),
                ),
            ],
            options={"verbose_name": "terms of referrals", "verbose_name_plural": "terms of referrals"},
        ),
        migrations.CreateModel(
            name="HistoricalReferralTerms",
            fields=[
                ("id", models.IntegerField(blank=True, db_index=True)),
                (
                    "active",
                    models.BooleanField(
                        default=True,
                        help_text="Off: nobody gets a code, and whoever registers makes no new referral; who invited them is still kept. Open referrals go on.",
                        verbose_name="members may invite",
                    ),
                ),
                (
                    "window_days",
                    models.PositiveIntegerField(
                        default=90,
                        help_text="So many days after registering, the friend's first order must be paid. 0: no limit. Holds for friends who register from now on.",
                        validators=[django.core.validators.MaxValueValidator(3650)],
                        verbose_name="days for the first order",
                    ),
                ),
                (
                    "link_template",
                    models.CharField(
                        blank=True,
                        help_text="The page of the shop to which an invitation leads, with {code} in the place of the code: https://shop.example/r/{code}. Empty: no link.",
                        max_length=300,
                        verbose_name="link",
                    ),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                ("history_type", models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1)),
                (
                    "history_user",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "verbose_name": "historical terms of referrals",
                "verbose_name_plural": "historical terms of referrals",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="ReferralCode",
            fields=[
                ("code", models.CharField(max_length=8, primary_key=True, serialize=False)),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.member", verbose_name="member"
                    ),
                ),
                ("made_at", models.DateTimeField(verbose_name="made")),
            ],
            options={
                "verbose_name": "referral code",
                "verbose_name_plural": "referral codes",
                "constraints": [models.UniqueConstraint(fields=("member",), name="referral_code_one_per_member")],
            },
        ),
        migrations.CreateModel(
            name="Referral",
            fields=[
                ("id", models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.member", verbose_name="friend"
                    ),
                ),
                (
                    "inviter",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.member", verbose_name="invited by"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("completed", "completed"),
                            ("revoked", "revoked"),
                            ("lapsed", "lapsed"),
                            ("cancelled", "cancelled"),
                            ("not_new", "not a new customer"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("registered_at", models.DateTimeField(verbose_name="friend registered")),
                (
                    "until",
                    models.DateTimeField(
                        blank=True, help_text="An order paid then or later comes too late. Empty: no limit.", null=True, verbose_name="order until"
                    ),
                ),
                (
                    "purchase_ref",
                    models.CharField(
                        blank=True,
                        help_text="The storefront's id of the order that completed it, also where it was revoked later.",
                        max_length=64,
                        verbose_name="purchase",
                    ),
                ),
                (
                    "amount_cents",
                    models.BigIntegerField(
                        default=0, help_text="What of that order was paid in money for goods, net of refunds: by it the rules decide.", verbose_name="amount"
                    ),
                ),
                ("completed_at", models.DateTimeField(blank=True, null=True, verbose_name="paid at")),
                ("settled_at", models.DateTimeField(verbose_name="last change")),
                ("cancelled_by", models.CharField(blank=True, max_length=100, verbose_name="cancelled by")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
            ],
            options={
                "verbose_name": "referral",
                "verbose_name_plural": "referrals",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["inviter", "-id"], name="referral_by_inviter"),
                    models.Index(condition=models.Q(status="open", until__isnull=False), fields=["until"], name="referral_lapsing"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("member",), name="referral_one_per_friend"),
                    models.CheckConstraint(condition=~models.Q(inviter=models.F("member")), name="referral_not_by_oneself"),
                    models.CheckConstraint(
                        condition=~models.Q(status="completed")
                        | (~models.Q(purchase_ref="") & models.Q(amount_cents__gt=0, completed_at__isnull=False)),
                        name="referral_completed_by_something",
                    ),
                    models.CheckConstraint(
                        condition=(~models.Q(status="cancelled") & models.Q(cancelled_by="")) | (models.Q(status="cancelled") & ~models.Q(cancelled_by="")),
                        name="referral_cancelled_by_somebody",
                    ),
                ],
            },
        ),
        migrations.RunPython(refer_who_was_invited, migrations.RunPython.noop),
    ]
