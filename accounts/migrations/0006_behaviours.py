import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models

# Marks a sentence for translation; it is translated where it is shown.
_ = str

MOST = 10**12


def text(name, help="", **more):
    return {"name": name, "type": "text", "required": True, **({"help": help} if help else {}), **more}


def number(name, help="", *, minimum=0, maximum=MOST, required=True):
    return {"name": name, "type": "number", "required": required, "minimum": minimum, "maximum": maximum, **({"help": help} if help else {})}


SUBJECT = text("subject", _("The storefront's id of what it was about."))
BY = text("by", _("The storefront's id of who clicked or bought."))

# code, Chinese, English, when it is told, how often it counts, subject, fields
TOLD_BY_THE_STOREFRONT = [
    ("registered", "注册", "Registered", _("Somebody has become a member."), "ever", [], []),
    ("phone_verified", "验证手机", "Phone verified", _("The member has proved the phone to be theirs."), "ever", [], []),
    ("identity_verified", "实名认证", "Identity verified", _("The member has proved who they are."), "ever", [], []),
    ("profile_completed", "完善资料", "Profile item completed", _("One item of the profile was filled in for the first time, the address for example."),
     "subject", ["item"], [text("item", _("Which item: birthday, gender, address and so on."))]),
    ("bound", "绑定渠道", "Channel bound", _("The member has connected an account elsewhere."),
     "subject", ["channel"], [text("channel", _("Which one: wechat, alipay and so on."))]),
    ("product_viewed", "浏览商品", "Product viewed", _("The member has looked at a product; told when they leave the page."),
     "subject_day", ["sku"], [text("sku", _("The product's SKU.")), number("seconds", _("How long, in seconds."))]),
    ("survey_completed", "完成问卷", "Survey completed", _("A survey was answered to its end."),
     "subject", ["survey"], [text("survey", _("The storefront's id of the survey.")), number("points", _("What the survey promises, if it is its own matter."), required=False)]),
    ("shared", "分享", "Shared", _("The member has shared something."), "subject_day", ["subject"], [SUBJECT]),
    ("share_clicked", "分享被点击", "Share clicked", _("Somebody has followed a link that this member shared."), "subject", ["subject", "by"], [SUBJECT, BY]),
    ("share_bought", "分享促成购买", "Bought through a share", _("Somebody has bought through a link that this member shared."), "subject", ["subject", "by"], [SUBJECT, BY]),
    ("reviewed", "评价", "Reviewed", _("The member has reviewed what they bought."), "subject", ["purchase", "line"],
     [text("purchase", _("The storefront's id of the purchase.")), text("line", _("The id of the line in it.")), number("pictures", _("How many pictures the review has."))]),
    ("review_featured", "评价精选", "Review featured", _("The shop has picked a review of this member's."), "subject", ["review"],
     [text("review", _("The storefront's id of the review.")), number("grade", _("How good it is, 3 is best."), minimum=1, maximum=3)]),
    ("liked", "点赞", "Liked", _("The member has liked something."), "subject", ["subject"], [SUBJECT]),
    ("commented", "评论", "Commented", _("The member has commented on something."), "subject", ["subject"], [SUBJECT]),
    ("proof_uploaded", "上传凭证", "Proof uploaded", _("The member has uploaded a proof, for an operator to look at."), "each", [],
     [text("task", _("The code of the task that it proves.")), text("url", _("Where the picture or page is."))]),
]
OURS = [
    ("checked_in", "签到", "Checked in", _("The member has checked in."), "day", [], [number("streak", _("How many days in a row it makes."))]),
    ("streak_reached", "连续签到达标", "Streak reached", _("A streak of check-ins has reached a milestone."), "subject", ["start", "days"],
     [number("days", _("The milestone, in days.")), text("start", _("The first day of the streak."))]),
    ("birthday", "生日", "Birthday", _("It is the member's birthday."), "subject", ["year"], [number("year")]),
    ("referred", "受邀注册", "Came by invitation", _("The member was invited by another one."), "ever", [], [text("by", _("The id of who invited them."))]),
    ("referral_completed", "邀请成功", "Invitation completed", _("A friend whom the member invited has paid their first order."), "subject", ["friend"],
     [text("friend", _("The friend's id.")), number("amount_cents", _("What the order comes to, in the minor unit.")), text("purchase", _("The storefront's id of the purchase."))]),
    ("mission_completed", "完成任务", "Mission completed", _("The member has completed a mission."), "subject", ["mission", "period"],
     [text("mission", _("The mission's code.")), text("period", _("The day, week or month that it counts for; “ever” where it counts once.")),
      number("points", _("What the mission promises."), required=False)]),
    ("proof_reviewed", "凭证通过", "Proof approved", _("An operator has approved a proof."), "subject", ["proof"],
     [text("proof", _("The proof's id.")), text("task", _("The code of the task that it proves.")), number("grade", _("How good the operator found it."))]),
    ("board_placed", "上榜", "Placed on a board", _("The member stands on a board of the best."), "subject", ["board", "period", "place"],
     [text("board", _("The board's code.")), text("period", _("The month that it counts for.")), number("place", _("The place, 1 is best."), minimum=1)]),
]


def load(apps, schema_editor):
    FactKind = apps.get_model("accounts", "FactKind")
    FactKind.objects.bulk_create(
        [
            FactKind(code=code, name_zh=zh, name_en=en, description=told, once=once, subject=subject, fields=fields, ours=ours, built_in=True)
            for ours, kinds in ((False, TOLD_BY_THE_STOREFRONT), (True, OURS))
            for code, zh, en, told, once, subject, fields in kinds
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_found_by_phone_and_email"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='FactKind',
            fields=[
                ('code', models.CharField(help_text="What the storefront's messages and the rules call it, like photo_shared. It stays as it is for good.", max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]{0,39}$', 'Small letters, digits and underscores, a letter first: photo_shared.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='Chinese name')),
                ('name_en', models.CharField(max_length=60, verbose_name='English name')),
                ('description', models.CharField(blank=True, help_text='When the storefront tells it, for whoever writes a rule about it.', max_length=300, verbose_name='description')),
                ('once', models.CharField(choices=[('each', 'every time'), ('ever', 'once ever'), ('day', 'once a day'), ('subject', 'once for each subject'), ('subject_day', 'once a day for each subject')], default='each', help_text='How often the same member can do it. More is refused.', max_length=12, verbose_name='how often it counts')),
                ('subject', models.JSONField(blank=True, default=list, help_text='The fields that say what it was about: together they are the subject.', verbose_name='subject')),
                ('fields', models.JSONField(blank=True, default=list, verbose_name='fields')),
                ('ours', models.BooleanField(default=False, editable=False, verbose_name='told by the programme itself')),
                ('built_in', models.BooleanField(default=False, editable=False, verbose_name='built in')),
                ('active', models.BooleanField(default=True, help_text='Off: messages of this kind are refused from now on. What was told before stays.', verbose_name='accepted')),
            ],
            options={
                'verbose_name': 'kind of fact',
                'verbose_name_plural': 'kinds of facts',
                'ordering': ['code'],
            },
        ),
        migrations.AddField(
            model_name='purchase',
            name='channel',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where it was bought: app, web, a branch.', max_length=40, verbose_name='channel'),
        ),
        migrations.AddField(
            model_name='purchase',
            name='refunded',
            field=models.BooleanField(db_default=False, default=False, verbose_name='refunded completely'),
        ),
        migrations.AddField(
            model_name='purchaseline',
            name='cost_cents',
            field=models.BigIntegerField(blank=True, help_text='What all of the line cost the shop, where the storefront says so.', null=True, verbose_name='cost'),
        ),
        migrations.CreateModel(
            name='HistoricalFactKind',
            fields=[
                ('code', models.CharField(db_index=True, help_text="What the storefront's messages and the rules call it, like photo_shared. It stays as it is for good.", max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]{0,39}$', 'Small letters, digits and underscores, a letter first: photo_shared.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='Chinese name')),
                ('name_en', models.CharField(max_length=60, verbose_name='English name')),
                ('description', models.CharField(blank=True, help_text='When the storefront tells it, for whoever writes a rule about it.', max_length=300, verbose_name='description')),
                ('once', models.CharField(choices=[('each', 'every time'), ('ever', 'once ever'), ('day', 'once a day'), ('subject', 'once for each subject'), ('subject_day', 'once a day for each subject')], default='each', help_text='How often the same member can do it. More is refused.', max_length=12, verbose_name='how often it counts')),
                ('subject', models.JSONField(blank=True, default=list, help_text='The fields that say what it was about: together they are the subject.', verbose_name='subject')),
                ('fields', models.JSONField(blank=True, default=list, verbose_name='fields')),
                ('ours', models.BooleanField(default=False, editable=False, verbose_name='told by the programme itself')),
                ('built_in', models.BooleanField(default=False, editable=False, verbose_name='built in')),
                ('active', models.BooleanField(default=True, help_text='Off: messages of this kind are refused from now on. What was told before stays.', verbose_name='accepted')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical kind of fact',
                'verbose_name_plural': 'historical kinds of facts',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Behaviour',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('external_id', models.CharField(max_length=128, verbose_name='id of the message')),
                ('once_key', models.TextField(editable=False)),
                ('occurred_at', models.DateTimeField(verbose_name='happened at')),
                ('local_date', models.DateField(verbose_name='business day')),
                ('data', models.JSONField(default=dict, verbose_name='as it came')),
                ('amended', models.JSONField(blank=True, null=True, verbose_name='as it turned out')),
                ('digest', models.CharField(editable=False, max_length=32)),
                ('recorded_at', models.DateTimeField(verbose_name='recorded')),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True, verbose_name='withdrawn')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('kind', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.factkind', verbose_name='kind')),
            ],
            options={
                'verbose_name': 'behaviour',
                'verbose_name_plural': 'behaviours',
                'ordering': ['-occurred_at', '-id'],
                'indexes': [models.Index(fields=['member', 'kind', 'occurred_at'], name='behaviour_of_member'), models.Index(fields=['kind', '-id'], name='behaviour_newest')],
                'constraints': [models.UniqueConstraint(fields=('member', 'kind', 'external_id'), name='behaviour_once'), models.UniqueConstraint(fields=('member', 'kind', 'once_key'), name='behaviour_once_only')],
            },
        ),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
