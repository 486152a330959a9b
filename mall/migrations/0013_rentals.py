from importlib import import_module

import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import loyalty.lib.ids

REWARD = ("both", "借的是什么", "What is borrowed", {"zh": "航空里程 1,000", "en": "1,000 air miles"})
QUANTITY = ("number", "多少份", "How many", 1)
ENDS = ("both", "什么时候到期", "When it ends", {"zh": "12月22日 00:00", "en": "22 Dec, 00:00"})
POINTS = ("points", "到期自动续租要多少积分，不续租则为空", "The points of the renewal, where it renews itself", 300)
ABOUT = {"reward": REWARD, "quantity": QUANTITY, "ends": ENDS}

# As in accounts: code → purpose, Chinese name, English name, hours, variables, texts. Of a text: language → title, short, long.
KINDS = {
    "rental_lent": (
        "service", "权益已借出", "Rental lent", 48, ABOUT,
        {
            "zh-hans": (
                "{{ reward }}已借给您",
                "{{ reward }} × {{ quantity }} 已借给您，用到{{ ends }}。",
                "{{ reward }} × {{ quantity }} 已借给您，可以用到{{ ends }}，到期自动收回。可以提前归还，{{ points_name }}不退。",
            ),
            "en": (
                "{{ reward }} is yours for a while",
                "{{ reward }} × {{ quantity }} is lent to you until {{ ends }}.",
                "{{ reward }} × {{ quantity }} is lent to you until {{ ends }}, when it goes back by itself. "
                "You can give it back before; no {{ points_name }} come back for that.",
            ),
        },
    ),
    "rental_ends_soon": (
        "service", "租期将满", "Rental ends soon", 24, {**ABOUT, "points": POINTS},
        {
            "zh-hans": (
                "{{ reward }}将于{{ ends }}到期",
                "您借的{{ reward }} × {{ quantity }} 将于{{ ends }}到期[[，届时自动续租，需 {{ points }} {{ points_name }}]]。",
                "您借的{{ reward }} × {{ quantity }} 将于{{ ends }}到期[[。您已设为自动续租：最后一天会用 {{ points }} {{ points_name }}续租，不够则到期收回]]。",
            ),
            "en": (
                "{{ reward }} ends on {{ ends }}",
                "Your {{ reward }} × {{ quantity }} ends on {{ ends }}[[ and renews itself for {{ points }} {{ points_name }}]].",
                "Your {{ reward }} × {{ quantity }} ends on {{ ends }}."
                "[[ You wanted it to renew itself: on its last day, for {{ points }} {{ points_name }}. Where they do not suffice, it goes back.]]",
            ),
        },
    ),
    "rental_renewed": (
        "service", "已续租", "Rental renewed", 48, ABOUT,
        {
            "zh-hans": (
                "{{ reward }}已续租",
                "您借的{{ reward }} × {{ quantity }} 已续租，用到{{ ends }}。",
                "您借的{{ reward }} × {{ quantity }} 已续租，现在可以用到{{ ends }}。",
            ),
            "en": (
                "{{ reward }} was renewed",
                "Your {{ reward }} × {{ quantity }} is yours until {{ ends }}.",
                "Your {{ reward }} × {{ quantity }} was renewed. It is now yours until {{ ends }}.",
            ),
        },
    ),
    "rental_not_renewed": (
        "service", "未能续租", "Rental not renewed", 24, ABOUT,
        {
            "zh-hans": (
                "{{ reward }}未能续租",
                "您借的{{ reward }} × {{ quantity }} 未能续租，将于{{ ends }}到期；没有扣除{{ points_name }}。",
                "您借的{{ reward }} × {{ quantity }} 未能续租，租期到{{ ends }}为止；没有扣除{{ points_name }}。可能是{{ points_name }}不够，"
                "等级有变化，或者合作方没有同意。",
            ),
            "en": (
                "{{ reward }} was not renewed",
                "Your {{ reward }} × {{ quantity }} was not renewed and ends on {{ ends }}. No {{ points_name }} were taken.",
                "Your {{ reward }} × {{ quantity }} was not renewed and ends on {{ ends }}. No {{ points_name }} were taken. You may have too few, "
                "your tier may have changed, or the partner did not agree.",
            ),
        },
    ),
    "rental_ended": (
        "service", "租期已满", "Rental ended", 48, ABOUT,
        {
            "zh-hans": (
                "{{ reward }}的租期已结束",
                "您借的{{ reward }} × {{ quantity }} 租期已结束，现由合作方收回。",
                "您借的{{ reward }} × {{ quantity }} 租期已经结束，现由合作方收回，您什么都不用做。",
            ),
            "en": (
                "{{ reward }} has ended",
                "Your {{ reward }} × {{ quantity }} has ended and goes back to the partner.",
                "Your {{ reward }} × {{ quantity }} has ended and goes back to the partner. There is nothing that you need to do.",
            ),
        },
    ),
}  # fmt: skip


def load(apps, schema_editor):
    """Safe to run again: what is there stays as operators have made it."""
    import_module("accounts.migrations.0016_notifications").load(apps, schema_editor, kinds=KINDS)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0018_member_life"),
        ("mall", "0012_revival"),
        ("points", "0025_bought"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoricalRentalTerms",
            fields=[
                (
                    "code",
                    models.CharField(
                        db_index=True,
                        help_text="By which a reward names what is lent, like miles-30. It stays.",
                        max_length=40,
                        validators=[django.core.validators.RegexValidator("^[a-z0-9][a-z0-9_-]*\\Z", "Write small letters, digits, hyphens and underscores.")],
                        verbose_name="code",
                    ),
                ),
                ("name_zh", models.CharField(max_length=60, verbose_name="name, Chinese")),
                ("name_en", models.CharField(max_length=60, verbose_name="name, English")),
                (
                    "days",
                    models.PositiveSmallIntegerField(
                        help_text="Through the end of that day after it is redeemed, in the programme's zone.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)],
                        verbose_name="days",
                    ),
                ),
                (
                    "renewals",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="How often it can be renewed, each time for as many days. 0: not at all.", verbose_name="renewals"
                    ),
                ),
                (
                    "renewal_points",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="For one.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)],
                        verbose_name="points for a renewal",
                    ),
                ),
                (
                    "remind_days",
                    models.PositiveSmallIntegerField(
                        default=3, help_text="So many days before the end the member is reminded. 0: not at all.", verbose_name="reminded, days before"
                    ),
                ),
                (
                    "at_once",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        default=1,
                        help_text="How many of it a member may have borrowed at one time. Empty: as many as the reward allows.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="per member at one time",
                    ),
                ),
                (
                    "active",
                    models.BooleanField(
                        default=True, help_text="Off: nothing more is lent on these terms. What is out goes on, renewals too.", verbose_name="can be chosen"
                    ),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                ("history_type", models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ('product', models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="What the partner lends. It is asked to lend it until the end, to make that later, and to take it back.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="mall.providerproduct",
                verbose_name="product of a provider",
            )),
            ],
            options={
                "verbose_name": "historical terms of a rental",
                "verbose_name_plural": "historical terms of rentals",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Renewal",
            fields=[
                ("id", models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("points", models.BigIntegerField(verbose_name="points")),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "asked of the partner"), ("done", "renewed"), ("refused", "refused, points back")],
                        default="asked",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("since", models.DateTimeField(verbose_name="from")),
                ("until", models.DateTimeField(verbose_name="until")),
                ("key", models.CharField(max_length=300, verbose_name="key")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled")),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.member", verbose_name="member")),
                ('order', models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mall.voucherorder", verbose_name="order at the partner"
            )),
                ('spend', models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.entry", verbose_name="spent with"
            )),
            ],
            options={
                "verbose_name": "renewal of a rental",
                "verbose_name_plural": "renewals of rentals",
                "ordering": ["-id"],
                'constraints': [models.UniqueConstraint(fields=("member", "key"), name="renewal_key_once"), models.UniqueConstraint(fields=("member", "order"), name="renewal_of_order_once"), models.CheckConstraint(condition=models.Q(("points__gte", 1), ("since__lt", models.F("until"))), name="renewal_makes_longer")],
            },
        ),
        migrations.CreateModel(
            name="Rental",
            fields=[
                ("id", models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("days", models.PositiveSmallIntegerField(verbose_name="days")),
                ("renewal_points", models.BigIntegerField(default=0, help_text="For all of it.", verbose_name="points for a renewal")),
                ("most_renewals", models.PositiveSmallIntegerField(default=0, verbose_name="renewals at most")),
                ("remind_days", models.PositiveSmallIntegerField(default=0, verbose_name="reminded, days before")),
                ("stocked", models.BooleanField(default=False, verbose_name="goes back to the stock")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "asked of the partner"),
                            ("lent", "lent"),
                            ("ending", "is to come back"),
                            ("taken_back", "back with the partner"),
                            ("refused", "refused, points back"),
                        ],
                        default="asked",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("renewals", models.PositiveSmallIntegerField(default=0, help_text="How often.", verbose_name="renewed")),
                (
                    "renews_itself",
                    models.BooleanField(
                        default=False, help_text="On its last day, where the points suffice: the member wants it so.", verbose_name="renews itself"
                    ),
                ),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("started_at", models.DateTimeField(null=True, verbose_name="lent since")),
                ("ends_at", models.DateTimeField(help_text="The first instant at which it is over.", verbose_name="ends")),
                ("due_at", models.DateTimeField(null=True, verbose_name="reminder due")),
                (
                    "cause",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("term", "its term was over"),
                            ("member", "given back early"),
                            ("operator", "ended by an operator"),
                            ("erased", "the member was erased"),
                        ],
                        max_length=8,
                        verbose_name="ended because",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("actor", models.CharField(blank=True, max_length=150, verbose_name="ended by")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="ended on")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="back, or refused, on")),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.member", verbose_name="member")),
                ('order', models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mall.voucherorder", verbose_name="order at the partner"
            )),
                ('redemption', models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mall.redemption", verbose_name="redemption"
            )),
            ],
            options={
                "verbose_name": "rental",
                "verbose_name_plural": "rentals",
                "ordering": ["-id"],
                "permissions": [("end_rental", "Can end rentals and renew them")],
                'indexes': [models.Index(fields=["member", "-id"], name="rental_newest"), models.Index(condition=models.Q(("state", "lent")), fields=["ends_at"], name="rental_to_end"), models.Index(condition=models.Q(("due_at__isnull", False), ("state", "lent")), fields=["due_at"], name="rental_to_remind"), models.Index(condition=models.Q(("renews_itself", True), ("state", "lent")), fields=["ends_at"], name="rental_to_renew")],
                'constraints': [models.UniqueConstraint(fields=("member", "redemption"), name="rental_of_redemption_once"), models.UniqueConstraint(fields=("member", "order"), name="rental_of_order_once"), models.CheckConstraint(
                condition=models.Q(("days__gte", 1), ("quantity__gte", 1), ("renewal_points__gte", 0)), name="rental_of_something"
            ), models.CheckConstraint(condition=models.Q(("renewals__lte", models.F("most_renewals"))), name="rental_renewed_at_most_so_often"), models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["ending", "taken_back"]), _negated=True),
                    models.Q(models.Q(("cause", ""), _negated=True), ("closed_at__isnull", False)),
                    _connector="OR",
                ),
                name="rental_ends_for_a_cause",
            )],
            },
        ),
        migrations.CreateModel(
            name="RentalTerms",
            fields=[
                (
                    "code",
                    models.CharField(
                        help_text="By which a reward names what is lent, like miles-30. It stays.",
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                        validators=[django.core.validators.RegexValidator("^[a-z0-9][a-z0-9_-]*\\Z", "Write small letters, digits, hyphens and underscores.")],
                        verbose_name="code",
                    ),
                ),
                ("name_zh", models.CharField(max_length=60, verbose_name="name, Chinese")),
                ("name_en", models.CharField(max_length=60, verbose_name="name, English")),
                (
                    "days",
                    models.PositiveSmallIntegerField(
                        help_text="Through the end of that day after it is redeemed, in the programme's zone.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)],
                        verbose_name="days",
                    ),
                ),
                (
                    "renewals",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="How often it can be renewed, each time for as many days. 0: not at all.", verbose_name="renewals"
                    ),
                ),
                (
                    "renewal_points",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="For one.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)],
                        verbose_name="points for a renewal",
                    ),
                ),
                (
                    "remind_days",
                    models.PositiveSmallIntegerField(
                        default=3, help_text="So many days before the end the member is reminded. 0: not at all.", verbose_name="reminded, days before"
                    ),
                ),
                (
                    "at_once",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        default=1,
                        help_text="How many of it a member may have borrowed at one time. Empty: as many as the reward allows.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="per member at one time",
                    ),
                ),
                (
                    "active",
                    models.BooleanField(
                        default=True, help_text="Off: nothing more is lent on these terms. What is out goes on, renewals too.", verbose_name="can be chosen"
                    ),
                ),
                ('product', models.ForeignKey(
                help_text="What the partner lends. It is asked to lend it until the end, to make that later, and to take it back.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="mall.providerproduct",
                verbose_name="product of a provider",
            )),
            ],
            options={
                "verbose_name": "terms of a rental",
                "verbose_name_plural": "terms of rentals",
                "ordering": ["code"],
                'constraints': [models.CheckConstraint(condition=models.Q(("days__gte", 1)), name="rental_terms_last"), models.CheckConstraint(
                condition=models.Q(("renewals", 0), models.Q(("renewal_points__gte", 1), ("renewal_points__isnull", False)), _connector="OR"),
                name="rental_terms_price_renewals",
            )],
            },
        ),
        migrations.RemoveConstraint(
            model_name="voucherorder",
            name="voucher_order_once",
        ),
        migrations.AddField(
            model_name="voucherorder",
            name="ends_at",
            field=models.DateTimeField(null=True, verbose_name="lent until"),
        ),
        migrations.AddField(
            model_name="voucherorder",
            name="extends",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mall.voucherorder", verbose_name="makes longer"
            ),
        ),
        migrations.AddField(
            model_name="voucherorder",
            name="purpose",
            field=models.CharField(
                choices=[("voucher", "vouchers"), ("loan", "rental"), ("renewal", "renewal")],
                default="voucher",
                max_length=8,
                verbose_name="for",
            ),
        ),
        migrations.AlterField(
            model_name="historicalreward",
            name="item",
            field=models.CharField(
                blank=True,
                help_text="The code of the coupon template, of the pool of codes, of the provider's product, of the privilege or of the rental. Empty for goods.",
                max_length=60,
                verbose_name="what is handed out",
            ),
        ),
        migrations.AlterField(
            model_name="historicalreward",
            name="kind",
            field=models.CharField(
                choices=[
                    ("goods", "goods, shipped"),
                    ("coupon", "coupon"),
                    ("code", "code from a pool"),
                    ("voucher", "voucher or membership of a provider"),
                    ("privilege", "privilege"),
                    ("rental", "rental: a partner's benefit, for a term"),
                ],
                help_text="What happens once it is redeemed. It stays.",
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="reward",
            name="item",
            field=models.CharField(
                blank=True,
                help_text="The code of the coupon template, of the pool of codes, of the provider's product, of the privilege or of the rental. Empty for goods.",
                max_length=60,
                verbose_name="what is handed out",
            ),
        ),
        migrations.AlterField(
            model_name="reward",
            name="kind",
            field=models.CharField(
                choices=[
                    ("goods", "goods, shipped"),
                    ("coupon", "coupon"),
                    ("code", "code from a pool"),
                    ("voucher", "voucher or membership of a provider"),
                    ("privilege", "privilege"),
                    ("rental", "rental: a partner's benefit, for a term"),
                ],
                help_text="What happens once it is redeemed. It stays.",
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="stockchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("restock", "restocked"),
                    ("stock_take", "stock-take"),
                    ("sold", "redeemed"),
                    ("given_back", "given back"),
                    ("carved", "set aside for a sale"),
                    ("returned", "back from a sale"),
                    ("taken_back", "back from a rental"),
                ],
                max_length=10,
                verbose_name="what",
            ),
        ),
        migrations.AddConstraint(
            model_name="voucherorder",
            constraint=models.UniqueConstraint(condition=models.Q(("extends", None)), fields=("member", "redemption"), name="voucher_order_once"),
        ),
        migrations.AddConstraint(
            model_name="voucherorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ends_at", None), ("extends", None), ("purpose", "voucher")),
                    models.Q(("ends_at__isnull", False), ("extends", None), ("purpose", "loan")),
                    models.Q(("ends_at__isnull", False), ("extends__isnull", False), ("purpose", "renewal")),
                    _connector="OR",
                ),
                name="voucher_order_of_a_loan_ends",
            ),
        ),
        migrations.AddField(
            model_name="renewal",
            name="rental",
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mall.rental", verbose_name="rental"),
        ),
        migrations.AddField(
            model_name="rental",
            name="terms",
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mall.rentalterms", verbose_name="terms of a rental"),
        ),
        migrations.AddIndex(
            model_name="renewal",
            index=models.Index(fields=["member", "rental", "id"], name="renewals_of_rental"),
        ),
        migrations.AddConstraint(
            model_name="renewal",
            constraint=models.UniqueConstraint(condition=models.Q(("state", "asked")), fields=("member", "rental"), name="renewal_one_at_a_time"),
        ),
        migrations.AddIndex(
            model_name="rental",
            index=models.Index(condition=models.Q(("state__in", ["asked", "lent", "ending"])), fields=["member", "terms"], name="rental_out"),
        ),
        migrations.AlterField(
            model_name="voucherattempt",
            name="ask",
            field=models.CharField(
                choices=[("POST", "to issue it"), ("GET", "how it stands"), ("DELETE", "to cancel it"), ("RETURN", "to take back what was lent")],
                max_length=6,
                verbose_name="question",
            ),
        ),
        migrations.AlterField(
            model_name="voucherorder",
            name="asks",
            field=models.CharField(
                choices=[("POST", "to issue it"), ("GET", "how it stands"), ("DELETE", "to cancel it"), ("RETURN", "to take back what was lent")],
                default="POST",
                max_length=6,
                verbose_name="what is asked next",
            ),
        ),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
