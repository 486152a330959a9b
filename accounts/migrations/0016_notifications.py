import accounts.notifications.models
import datetime
import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone


# Of a variable: type, Chinese, English, sample.
POINTS = ("points", "积分数", "How many points", 1200)
LAST_DAY = ("day", "最后可用的一天", "The last day on which they can be used", "2026-03-01")
TIER = ("both", "等级", "The tier", {"zh": "金卡", "en": "Gold"})
TERM_UNTIL = ("day", "等级有效到哪一天", "The last day of the tier's term", "2027-06-30")
AMOUNTS = ("amounts", "哪一天之前有多少", "How many until which day", [{"points": 500, "day": "2026-03-01"}, {"points": 700, "day": "2026-03-04"}])
EXPIRED = {
    "expired_points": ("points", "已到期多少", "How many have expired", 300),
    "expired_day": ("day", "已到期部分最后可用的一天", "The last day on which those could be used", "2026-02-26"),
    "expired_amounts": ("amounts", "已到期的，哪一天之前有多少", "How many of those until which day", [{"points": 300, "day": "2026-02-26"}]),
}

# code → purpose, Chinese name, English name, hours, variables, texts. Of a text: language → title, short, long.
KINDS = {
    "points_expiring": (
        "expiry", "积分即将到期", "Points about to expire", 24,
        {"points": POINTS, "day": LAST_DAY, "amounts": AMOUNTS, **EXPIRED},
        {
            "zh-hans": (
                "{{ points }} {{ points_name }}即将到期",
                "您有 {{ points }} {{ points_name }}可用到{{ day }}，别忘了使用。",
                "您有 {{ points }} {{ points_name }}快到期了，最晚可以用到：\n{{ amounts }}\n\n选一件喜欢的，把它们用起来吧。"
                "[[\n\n另外，{{ expired_points }} {{ points_name }}只能用到{{ expired_day }}，现已到期。]]",
            ),
            "en": (
                "{{ points }} {{ points_name }} about to expire",
                "{{ points }} of your {{ points_name }} can be used until {{ day }}. Don't let them go to waste.",
                "{{ points }} of your {{ points_name }} are about to expire. You can use them until:\n{{ amounts }}\n\nPick something you like and put them to good use."
                "[[\n\nAnother {{ expired_points }} were good until {{ expired_day }} and have expired.]]",
            ),
        },
    ),
    "points_expired": (
        "expiry", "积分已到期", "Points expired", 48,
        EXPIRED,
        {
            "zh-hans": (
                "{{ expired_points }} {{ points_name }}已到期",
                "您的 {{ expired_points }} {{ points_name }}只能用到{{ expired_day }}，现已到期。",
                "您的 {{ expired_points }} {{ points_name }}只能用到{{ expired_day }}，现已到期。其余的{{ points_name }}不受影响，随时可用。",
            ),
            "en": (
                "{{ expired_points }} {{ points_name }} have expired",
                "{{ expired_points }} of your {{ points_name }} were good until {{ expired_day }} and have now expired.",
                "{{ expired_points }} of your {{ points_name }} were good until {{ expired_day }} and have now expired. "
                "All your other {{ points_name }} are still yours to use.",
            ),
        },
    ),
    "tier_reached": (
        "service", "升级", "Tier reached", 48,
        {"tier": TIER, "until": TERM_UNTIL},
        {
            "zh-hans": (
                "恭喜升级为{{ tier }}",
                "恭喜！您已升级为{{ tier }}[[，有效到{{ until }}]]。",
                "恭喜！您已升级为{{ tier }}[[，有效到{{ until }}]]。新的权益现在就可以享用，谢谢您一直以来的支持。",
            ),
            "en": (
                "Welcome to {{ tier }}",
                "Congratulations! You are now {{ tier }}[[, until {{ until }}]].",
                "Congratulations! You are now {{ tier }}[[, until {{ until }}]]. Your new benefits are yours from this moment. Thank you for being with us.",
            ),
        },
    ),
    "tier_kept": (
        "service", "保级成功", "Tier kept", 48,
        {"tier": TIER, "until": TERM_UNTIL},
        {
            "zh-hans": (
                "{{ tier }}继续有效",
                "您的{{ tier }}已续期[[，有效到{{ until }}]]。",
                "好消息：您的{{ tier }}已续期[[，有效到{{ until }}]]。所有权益照旧，谢谢您的支持。",
            ),
            "en": (
                "You stay {{ tier }}",
                "Good news: you stay {{ tier }}[[ until {{ until }}]].",
                "Good news: you stay {{ tier }}[[ until {{ until }}]]. All your benefits go on. Thank you for being with us.",
            ),
        },
    ),
    "tier_fell": (
        "service", "等级下降", "Tier changed", 48,
        {"tier": TIER, "before": ("both", "之前的等级", "The tier before", {"zh": "钻石卡", "en": "Diamond"}), "until": TERM_UNTIL},
        {
            "zh-hans": (
                "您的等级现在是{{ tier }}",
                "您的{{ before }}已到期，现在是{{ tier }}。",
                "您的{{ before }}已到期，现在是{{ tier }}[[，有效到{{ until }}]]。您的{{ points_name }}一分不少；多来逛逛，很快就能升回去。",
            ),
            "en": (
                "You are now {{ tier }}",
                "Your time as {{ before }} is over; you are now {{ tier }}.",
                "Your time as {{ before }} is over; you are now {{ tier }}[[, until {{ until }}]]. "
                "Your {{ points_name }} stay as they are, and you can climb again at any time.",
            ),
        },
    ),
    "term_ending": (
        "service", "等级即将到期", "Tier about to end", 48,
        {"tier": TIER, "until": TERM_UNTIL, "missing": ("both", "保级还差多少", "What is missing to keep it", {"zh": "800 成长值", "en": "800 growth points"})},
        {
            "zh-hans": (
                "{{ tier }}将于{{ until }}到期",
                "您的{{ tier }}有效到{{ until }}[[，再有 {{ missing }}就能保住]]。",
                "您的{{ tier }}有效到{{ until }}。[[再有 {{ missing }}，就能继续享受现在的权益。]]",
            ),
            "en": (
                "Your {{ tier }} ends on {{ until }}",
                "You are {{ tier }} until {{ until }}.[[ {{ missing }} more and you keep it.]]",
                "You are {{ tier }} until {{ until }}.[[ {{ missing }} more and you keep all your benefits.]]",
            ),
        },
    ),
    "member_dormant": (
        "marketing", "好久不见", "Long time no see", 48,
        {"days": ("number", "多少天没来了", "For how many days the member has not been here", 90)},
        {
            "zh-hans": ("好久不见", "好久不见，我们为您准备了几个小任务，回来看看吧。", "好久不见！我们为您准备了几个轻松的小任务，完成就有{{ points_name }}，回来看看吧。"),
            "en": (
                "We have missed you",
                "We have missed you! A few easy tasks with {{ points_name }} are waiting for you.",
                "We have missed you! A few easy tasks are waiting for you, each with {{ points_name }} for doing it. Come and have a look.",
            ),
        },
    ),
    "inactivity_ahead": (
        "expiry", "久未活动，积分将失效", "Points about to be voided", 48,
        {"points": POINTS, "day": ("day", "失效的日子", "The day on which they are voided", "2026-03-01")},
        {
            "zh-hans": (
                "{{ points }} {{ points_name }}将于{{ day }}失效",
                "您久未光临，{{ points }} {{ points_name }}将于{{ day }}失效，来一次即可保留。",
                "您有一段时间没来了。如果在{{ day }}之前一直没有活动，{{ points }} {{ points_name }}将会失效；只要来下一单或签到一次，就能全部保留。",
            ),
            "en": (
                "{{ points }} {{ points_name }} would be lost on {{ day }}",
                "It has been a while. {{ points }} {{ points_name }} are lost on {{ day }} unless you stop by before.",
                "It has been a while. Unless you stop by before, {{ points }} of your {{ points_name }} are lost on {{ day }}. One order or one check-in keeps them all.",
            ),
        },
    ),
    "points_voided": (
        "expiry", "积分因久未活动失效", "Points voided", 48,
        {"points": POINTS, "day": ("day", "失效的日子", "The day on which they were voided", "2026-03-01")},
        {
            "zh-hans": (
                "{{ points }} {{ points_name }}已失效",
                "因久未活动，您的 {{ points }} {{ points_name }}已于{{ day }}失效。",
                "因久未活动，您的 {{ points }} {{ points_name }}已于{{ day }}失效。其余的仍可使用，欢迎随时回来。",
            ),
            "en": (
                "{{ points }} {{ points_name }} were voided",
                "As there was no activity for long, {{ points }} {{ points_name }} were voided on {{ day }}.",
                "As there was no activity for long, {{ points }} of your {{ points_name }} were voided on {{ day }}. The others are still yours; welcome back any time.",
            ),
        },
    ),
    "birthday": (
        "service", "生日祝福", "Birthday", 24,
        {"points": POINTS},
        {
            "zh-hans": (
                "生日快乐",
                "生日快乐！送您 {{ points }} {{ points_name }}，祝您天天开心。",
                "生日快乐！送您 {{ points }} {{ points_name }}，已经到账。愿新的一岁平安、喜乐。",
            ),
            "en": (
                "Happy birthday",
                "Happy birthday! {{ points }} {{ points_name }} are our present to you.",
                "Happy birthday! {{ points }} {{ points_name }} are our present to you, ready to be used. Have a wonderful year.",
            ),
        },
    ),
    "allowance": (
        "service", "等级每月赠送", "Monthly allowance", 48,
        {"points": POINTS, "tier": TIER},
        {
            "zh-hans": (
                "本月 {{ points }} {{ points_name }}已到账",
                "{{ tier }}每月礼遇：{{ points }} {{ points_name }}已到账。",
                "{{ tier }}每月礼遇：本月的 {{ points }} {{ points_name }}已到账，随时可用。",
            ),
            "en": (
                "This month's {{ points }} {{ points_name }}",
                "Your {{ tier }} allowance: {{ points }} {{ points_name }} are on your account.",
                "Your {{ tier }} allowance is here: {{ points }} {{ points_name }} for this month are on your account, ready to be used.",
            ),
        },
    ),
}  # fmt: skip
GREETINGS = {"zh-hans": "{{ member_name }}，您好：\n\n", "en": "Dear {{ member_name }},\n\n"}


def texts_of(channel, language, title, short, long):
    if channel == "inbox":
        return {"subject": title, "text": long}
    if channel == "email":
        return {"subject": title, "text": GREETINGS[language] + long}
    return {"subject": title if channel in ("push", "wechat") else "", "text": short}


def load(apps, schema_editor, kinds=KINDS):
    """Safe to run again: what is there stays as operators have made it."""
    Kind, Template, HistoricalTemplate = (apps.get_model("accounts", name) for name in ("NotificationKind", "Template", "HistoricalTemplate"))
    Kind.objects.bulk_create(
        [
            Kind(
                code=code, name_zh=zh, name_en=en, purpose=purpose, hours=hours, resend_unknown=purpose == "expiry",
                variables=[{"name": name, "type": kind, "zh": zh, "en": en, "sample": sample} for name, (kind, zh, en, sample) in variables.items()],
            )
            for code, (purpose, zh, en, hours, variables, _texts) in kinds.items()
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    there = set(Template.objects.values_list("kind_id", "channel", "language"))
    made = Template.objects.bulk_create(
        [
            Template(kind_id=code, channel=channel, language=language, **texts_of(channel, language, *said))
            for code, (*_rest, texts) in kinds.items()
            for language, said in texts.items()
            for channel in ("inbox", "push", "wechat", "sms", "email")
            if (code, channel, language) not in there
        ]
    )
    fields = ("id", "kind_id", "channel", "language", "subject", "text", "html")
    HistoricalTemplate.objects.bulk_create(
        [HistoricalTemplate(**{name: getattr(text, name) for name in fields}, history_date=timezone.now(), history_type="+") for text in made]
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0015_channels"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='ChannelPace',
            fields=[
                ('channel', models.CharField(choices=[('inbox', 'Inbox'), ('email', 'E-mail'), ('sms', 'SMS'), ('push', 'App push'), ('wechat', 'WeChat')], max_length=10, primary_key=True, serialize=False)),
                ('minute', models.DateTimeField(null=True)),
                ('used', models.PositiveIntegerField(default=0)),
                ('paused_until', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'pace of a channel',
                'verbose_name_plural': 'pace of channels',
            },
        ),
        migrations.CreateModel(
            name='NotificationSettings',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('quiet_from', models.TimeField(blank=True, default=datetime.time(22, 0), help_text="In the programme's time zone. Until quiet ends, only the inbox is filled.", null=True, verbose_name='quiet from')),
                ('quiet_until', models.TimeField(blank=True, default=datetime.time(8, 0), help_text='What came up meanwhile goes out then. Leave both empty for no quiet hours.', null=True, verbose_name='quiet until')),
                ('marketing_needs_consent', models.BooleanField(default=True, help_text='On: marketing leaves the inbox only for members who chose it. Off: for everybody who did not refuse. The law may decide for you.', verbose_name='marketing only by consent')),
                ('marketing_per_day', models.PositiveSmallIntegerField(default=1, help_text='For each member, by business days. More than these are not sent. 0: none at all.', verbose_name='marketing messages a day')),
                ('email_per_minute', models.PositiveIntegerField(default=600, help_text='0: no limit of ours. What is too much waits.', verbose_name='e-mails a minute')),
                ('sms_per_minute', models.PositiveIntegerField(default=600, verbose_name='SMS a minute')),
                ('push_per_minute', models.PositiveIntegerField(default=6000, verbose_name='push messages a minute')),
                ('wechat_per_minute', models.PositiveIntegerField(default=600, verbose_name='WeChat messages a minute')),
            ],
            options={
                'verbose_name': 'settings of messages',
                'verbose_name_plural': 'settings of messages',
            },
        ),
        migrations.CreateModel(
            name='HistoricalNotificationKind',
            fields=[
                ('code', models.CharField(db_index=True, max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]{0,39}$', 'Small letters, digits and underscores, a letter first.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='Chinese name')),
                ('name_en', models.CharField(max_length=60, verbose_name='English name')),
                ('purpose', models.CharField(choices=[('service', 'news of the account'), ('expiry', 'expiry of points'), ('marketing', 'marketing')], help_text='Members choose by purpose what they want. Marketing has limits of its own.', max_length=10, verbose_name='purpose')),
                ('variables', models.JSONField(default=list, editable=False, verbose_name='what it may speak of')),
                ('channels', models.JSONField(default=accounts.notifications.models._every_channel, help_text='Those without a text, or without a provider, are passed over.', verbose_name='channels')),
                ('way', models.CharField(choices=[('all', 'all of them'), ('first', 'the first that works')], default='all', help_text='The first that works: in the order push, WeChat, SMS, e-mail, the next one when the one before failed. The inbox is filled in any case.', max_length=5, verbose_name='how many channels')),
                ('resend_unknown', models.BooleanField(default=False, help_text='When a provider does not answer, nobody knows whether it sent. On: sent again, so that a member may get it twice. Never for marketing.', verbose_name='send again without an answer')),
                ('hours', models.PositiveSmallIntegerField(default=48, help_text='For so long it is tried; after that nobody wants to read it any more. At least 24, since quiet hours put it off.', validators=[django.core.validators.MinValueValidator(24)], verbose_name='of use for, in hours')),
                ('active', models.BooleanField(default=True, help_text='Off: nobody gets messages of this kind from now on.', verbose_name='in use')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical kind of message',
                'verbose_name_plural': 'historical kinds of messages',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalNotificationSettings',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('quiet_from', models.TimeField(blank=True, default=datetime.time(22, 0), help_text="In the programme's time zone. Until quiet ends, only the inbox is filled.", null=True, verbose_name='quiet from')),
                ('quiet_until', models.TimeField(blank=True, default=datetime.time(8, 0), help_text='What came up meanwhile goes out then. Leave both empty for no quiet hours.', null=True, verbose_name='quiet until')),
                ('marketing_needs_consent', models.BooleanField(default=True, help_text='On: marketing leaves the inbox only for members who chose it. Off: for everybody who did not refuse. The law may decide for you.', verbose_name='marketing only by consent')),
                ('marketing_per_day', models.PositiveSmallIntegerField(default=1, help_text='For each member, by business days. More than these are not sent. 0: none at all.', verbose_name='marketing messages a day')),
                ('email_per_minute', models.PositiveIntegerField(default=600, help_text='0: no limit of ours. What is too much waits.', verbose_name='e-mails a minute')),
                ('sms_per_minute', models.PositiveIntegerField(default=600, verbose_name='SMS a minute')),
                ('push_per_minute', models.PositiveIntegerField(default=6000, verbose_name='push messages a minute')),
                ('wechat_per_minute', models.PositiveIntegerField(default=600, verbose_name='WeChat messages a minute')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical settings of messages',
                'verbose_name_plural': 'historical settings of messages',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=150, verbose_name='key')),
                ('about', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name='about')),
                ('created_at', models.DateTimeField(verbose_name='happened')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('inbox', 'Inbox'), ('email', 'E-mail'), ('sms', 'SMS'), ('push', 'App push'), ('wechat', 'WeChat')], max_length=10, verbose_name='channel')),
                ('turn', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('standby', 'waits whether another channel works'), ('sending', 'being sent'), ('handed_over', 'handed over'), ('delivered', 'delivered'), ('bounced', 'bounced'), ('refused', 'refused'), ('unknown', 'no answer'), ('gave_up', 'given up'), ('skipped', 'not sent')], max_length=12, verbose_name='state')),
                ('to', models.CharField(blank=True, max_length=512, verbose_name='address')),
                ('created_at', models.DateTimeField(verbose_name='planned')),
                ('due_at', models.DateTimeField(verbose_name='next attempt')),
                ('until', models.DateTimeField(verbose_name='tried until')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('settled_at', models.DateTimeField(null=True, verbose_name='settled')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name="provider's number")),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='detail')),
                ('language', models.CharField(blank=True, choices=[('zh-hans', 'Chinese'), ('en', 'English')], max_length=10, verbose_name='language')),
                ('subject', models.CharField(blank=True, max_length=300, verbose_name='Subject')),
                ('text', models.TextField(blank=True, verbose_name='text')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='accounts.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'delivery',
                'verbose_name_plural': 'messages sent',
                'permissions': [('resend_delivery', 'Can send messages again')],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='delivery_due'), models.Index(condition=models.Q(('state', 'sending')), fields=['lease_until'], name='delivery_lease'), models.Index(condition=models.Q(('provider_id', ''), _negated=True), fields=['channel', 'provider_id'], name='delivery_by_provider_id'), models.Index(fields=['member', '-id'], name='delivery_of_member'), models.Index(condition=models.Q(('to', ''), _negated=True), fields=['to'], name='delivery_by_address'), models.Index(condition=models.Q(('state__in', ('unknown', 'gave_up', 'refused', 'bounced'))), fields=['settled_at'], name='delivery_failed')],
            },
        ),
        migrations.CreateModel(
            name='NotificationKind',
            fields=[
                ('code', models.CharField(max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]{0,39}$', 'Small letters, digits and underscores, a letter first.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='Chinese name')),
                ('name_en', models.CharField(max_length=60, verbose_name='English name')),
                ('purpose', models.CharField(choices=[('service', 'news of the account'), ('expiry', 'expiry of points'), ('marketing', 'marketing')], help_text='Members choose by purpose what they want. Marketing has limits of its own.', max_length=10, verbose_name='purpose')),
                ('variables', models.JSONField(default=list, editable=False, verbose_name='what it may speak of')),
                ('channels', models.JSONField(default=accounts.notifications.models._every_channel, help_text='Those without a text, or without a provider, are passed over.', verbose_name='channels')),
                ('way', models.CharField(choices=[('all', 'all of them'), ('first', 'the first that works')], default='all', help_text='The first that works: in the order push, WeChat, SMS, e-mail, the next one when the one before failed. The inbox is filled in any case.', max_length=5, verbose_name='how many channels')),
                ('resend_unknown', models.BooleanField(default=False, help_text='When a provider does not answer, nobody knows whether it sent. On: sent again, so that a member may get it twice. Never for marketing.', verbose_name='send again without an answer')),
                ('hours', models.PositiveSmallIntegerField(default=48, help_text='For so long it is tried; after that nobody wants to read it any more. At least 24, since quiet hours put it off.', validators=[django.core.validators.MinValueValidator(24)], verbose_name='of use for, in hours')),
                ('active', models.BooleanField(default=True, help_text='Off: nobody gets messages of this kind from now on.', verbose_name='in use')),
            ],
            options={
                'verbose_name': 'kind of message',
                'verbose_name_plural': 'kinds of messages',
                'ordering': ['purpose', 'code'],
                'constraints': [models.CheckConstraint(condition=models.Q(('purpose', 'marketing'), ('resend_unknown', True), _negated=True), name='notification_marketing_never_twice')],
            },
        ),
        migrations.AddField(
            model_name='message',
            name='kind',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.notificationkind', verbose_name='kind of message'),
        ),
        migrations.CreateModel(
            name='InboxItem',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('texts', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField()),
                ('read_at', models.DateTimeField(null=True)),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member')),
                ('message', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.message')),
                ('kind', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.notificationkind')),
            ],
            options={
                'verbose_name': 'inbox item',
                'verbose_name_plural': 'inbox items',
                'indexes': [models.Index(fields=['member', '-id'], name='inbox_newest'), models.Index(condition=models.Q(('read_at', None)), fields=['member'], name='inbox_unread')],
                'constraints': [models.UniqueConstraint(fields=('member', 'message'), name='inbox_once')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalTemplate',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('channel', models.CharField(choices=[('inbox', 'Inbox'), ('email', 'E-mail'), ('sms', 'SMS'), ('push', 'App push'), ('wechat', 'WeChat')], max_length=10, verbose_name='channel')),
                ('language', models.CharField(choices=[('zh-hans', 'Chinese'), ('en', 'English')], max_length=10, verbose_name='language')),
                ('subject', models.CharField(blank=True, max_length=120, verbose_name='Subject')),
                ('text', models.TextField(verbose_name='text')),
                ('html', models.TextField(blank=True, verbose_name='HTML')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('kind', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.notificationkind', verbose_name='kind of message')),
            ],
            options={
                'verbose_name': 'historical text of messages',
                'verbose_name_plural': 'historical texts of messages',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Preference',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('purpose', models.CharField(choices=[('service', 'news of the account'), ('expiry', 'expiry of points'), ('marketing', 'marketing')], max_length=10, verbose_name='purpose')),
                ('channel', models.CharField(choices=[('inbox', 'Inbox'), ('email', 'E-mail'), ('sms', 'SMS'), ('push', 'App push'), ('wechat', 'WeChat')], max_length=10, verbose_name='channel')),
                ('wanted', models.BooleanField(verbose_name='wanted')),
                ('said_at', models.DateTimeField(verbose_name='since')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member')),
            ],
            options={
                'verbose_name': 'preference',
                'verbose_name_plural': 'preferences',
                'constraints': [models.UniqueConstraint(fields=('member', 'purpose', 'channel'), name='preference_once')],
            },
        ),
        migrations.CreateModel(
            name='Template',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('inbox', 'Inbox'), ('email', 'E-mail'), ('sms', 'SMS'), ('push', 'App push'), ('wechat', 'WeChat')], max_length=10, verbose_name='channel')),
                ('language', models.CharField(choices=[('zh-hans', 'Chinese'), ('en', 'English')], max_length=10, verbose_name='language')),
                ('subject', models.CharField(blank=True, max_length=120, verbose_name='Subject')),
                ('text', models.TextField(verbose_name='text')),
                ('html', models.TextField(blank=True, verbose_name='HTML')),
                ('kind', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.notificationkind', verbose_name='kind of message')),
            ],
            options={
                'verbose_name': 'text of messages',
                'verbose_name_plural': 'texts of messages',
                'constraints': [models.UniqueConstraint(fields=('kind', 'channel', 'language'), name='notification_text_once')],
            },
        ),
        migrations.CreateModel(
            name='Address',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('inbox', 'Inbox'), ('email', 'E-mail'), ('sms', 'SMS'), ('push', 'App push'), ('wechat', 'WeChat')], max_length=10, verbose_name='channel')),
                ('value', models.CharField(max_length=512, verbose_name='address')),
                ('added_at', models.DateTimeField(verbose_name='added')),
                ('gone_at', models.DateTimeField(null=True, verbose_name='gone')),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='detail')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member')),
            ],
            options={
                'verbose_name': 'address',
                'verbose_name_plural': 'addresses',
                'constraints': [models.UniqueConstraint(fields=('member', 'channel', 'value'), name='address_once')],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField(verbose_name='number')),
                ('to', models.CharField(max_length=512, verbose_name='address')),
                ('started_at', models.DateTimeField(verbose_name='begun')),
                ('answered_at', models.DateTimeField(null=True, verbose_name='answered')),
                ('outcome', models.CharField(blank=True, choices=[('accepted', 'accepted'), ('refused', 'refused'), ('throttled', 'too many at once'), ('unreachable', 'not reached'), ('unknown', 'no answer')], max_length=12, verbose_name='outcome')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name="provider's number")),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='detail')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member')),
                ('delivery', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='chain', to='accounts.delivery')),
            ],
            options={
                'verbose_name': 'attempt',
                'verbose_name_plural': 'attempts',
                'ordering': ['number'],
                'indexes': [models.Index(fields=['delivery', 'number'], name='attempt_of_delivery')],
                'constraints': [models.UniqueConstraint(fields=('member', 'delivery', 'number'), name='attempt_once')],
            },
        ),
        migrations.CreateModel(
            name='MarketingDay',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('used', models.PositiveSmallIntegerField()),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member')),
            ],
            options={
                'verbose_name': 'marketing of a day',
                'verbose_name_plural': 'marketing of a day',
                'constraints': [models.UniqueConstraint(fields=('member', 'day'), name='marketing_day_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('member', 'kind', 'key'), name='notification_once_per_key'),
        ),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
