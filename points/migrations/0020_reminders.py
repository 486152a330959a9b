import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import points.reminders.models
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('points', '0019_postponed'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReminderTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('days', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), blank=True, default=points.reminders.models.default_days, help_text='How many days before the last good day members are told: 30,7,3,1. At 1, tomorrow is the last day. Empty: never ahead.', size=10, verbose_name='days ahead')),
                ('after_expiry', models.BooleanField(default=True, help_text='In the message of the day after.', verbose_name='also tell what has expired')),
                ('minimum_points', models.PositiveIntegerField(default=1, help_text="Below this, a day's message is not worth sending. Not regarded where nothing may expire unannounced.", verbose_name='from how many points on')),
                ('hour', models.PositiveSmallIntegerField(default=10, help_text="Hour of the day in the programme's time zone, 0 to 22.", validators=[django.core.validators.MaxValueValidator(22)], verbose_name='from which hour')),
                ('must_announce', models.BooleanField(default=False, help_text='Points that were not announced in time are postponed, by an entry, until they have been. Points of members whom no channel reaches never expire.', verbose_name='nothing may expire unannounced')),
                ('announce_days', models.PositiveSmallIntegerField(default=7, help_text='Counted from when the message was handed over to a channel.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='announced at least so many days before')),
                ('inbox_counts', models.BooleanField(default=False, help_text="Off: only a message that left for the member's e-mail, phone, app or WeChat counts.", verbose_name='the inbox alone is an announcement')),
                ('must_announce_since', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'verbose_name': 'reminders of expiry',
                'verbose_name_plural': 'reminders of expiry',
            },
        ),
        migrations.CreateModel(
            name='HistoricalReminderTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('days', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), blank=True, default=points.reminders.models.default_days, help_text='How many days before the last good day members are told: 30,7,3,1. At 1, tomorrow is the last day. Empty: never ahead.', size=10, verbose_name='days ahead')),
                ('after_expiry', models.BooleanField(default=True, help_text='In the message of the day after.', verbose_name='also tell what has expired')),
                ('minimum_points', models.PositiveIntegerField(default=1, help_text="Below this, a day's message is not worth sending. Not regarded where nothing may expire unannounced.", verbose_name='from how many points on')),
                ('hour', models.PositiveSmallIntegerField(default=10, help_text="Hour of the day in the programme's time zone, 0 to 22.", validators=[django.core.validators.MaxValueValidator(22)], verbose_name='from which hour')),
                ('must_announce', models.BooleanField(default=False, help_text='Points that were not announced in time are postponed, by an entry, until they have been. Points of members whom no channel reaches never expire.', verbose_name='nothing may expire unannounced')),
                ('announce_days', models.PositiveSmallIntegerField(default=7, help_text='Counted from when the message was handed over to a channel.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='announced at least so many days before')),
                ('inbox_counts', models.BooleanField(default=False, help_text="Off: only a message that left for the member's e-mail, phone, app or WeChat counts.", verbose_name='the inbox alone is an announcement')),
                ('must_announce_since', models.DateTimeField(editable=False, null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical reminders of expiry',
                'verbose_name_plural': 'historical reminders of expiry',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='ReminderPass',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False, verbose_name='day')),
                ('started_at', models.DateTimeField(verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('expired_from', models.DateTimeField()),
                ('expired_until', models.DateTimeField()),
                ('members', models.PositiveIntegerField(default=0, verbose_name='members told')),
                ('points', models.BigIntegerField(default=0, verbose_name='points told')),
                ('postponed', models.PositiveIntegerField(default=0, verbose_name='members postponed')),
                ('given_back', models.PositiveIntegerField(default=0, verbose_name='times given back')),
            ],
            options={
                'verbose_name': 'reminder pass',
                'verbose_name_plural': 'reminder passes',
                'ordering': ['-day'],
            },
        ),
        migrations.CreateModel(
            name='ExpiryNotice',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('lot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.lot', verbose_name='lot')),
                ('expires_at', models.DateTimeField(verbose_name='expiry told')),
                ('step', models.PositiveSmallIntegerField(help_text='0: told after it had expired.', verbose_name='days ahead')),
                ('points', models.BigIntegerField(verbose_name='points')),
                ('day', models.DateField(verbose_name='told on')),
                ('told_at', models.DateTimeField(verbose_name='told')),
                ('handed_over_at', models.DateTimeField(null=True, verbose_name='handed over')),
            ],
            options={
                'verbose_name': 'expiry notice',
                'verbose_name_plural': 'expiry notices',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['member', 'day'], name='expiry_notice_day'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['day'], name='expiry_notice_days')],
                'constraints': [models.UniqueConstraint(fields=('member', 'lot', 'expires_at', 'step'), name='expiry_notice_once_a_step')],
            },
        ),
    ]
