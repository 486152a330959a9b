import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


# Provider and channel of the rows that operators fill in.
PROVIDERS = (("smtp", "email"), ("mailbox", "email"), ("aliyun", "sms"), ("tencent", "sms"), ("fcm", "push"), ("apns", "push"), ("wechat", "wechat"))


def load(apps, schema_editor):
    settings = apps.get_model("accounts", "ChannelSettings")
    for provider, channel in PROVIDERS:
        settings.objects.get_or_create(provider=provider, defaults={"channel": channel})


class Migration(migrations.Migration):

    dependencies = [("accounts", "0014_bought_before_in_order"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='ChannelSettings',
            fields=[
                ('provider', models.CharField(choices=[('smtp', 'Mail server (SMTP)'), ('mailbox', 'Files in a folder'), ('aliyun', 'SMS by Aliyun'), ('tencent', 'SMS by Tencent Cloud'), ('fcm', 'Push to Android (FCM)'), ('apns', 'Push to iOS (APNs)'), ('wechat', 'WeChat official account')], max_length=20, primary_key=True, serialize=False, verbose_name='provider')),
                ('channel', models.CharField(editable=False, max_length=10, verbose_name='channel')),
                ('in_use', models.BooleanField(default=False, help_text='Off: nothing is sent through this provider.', verbose_name='in use')),
                ('parameters', models.JSONField(blank=True, default=dict, verbose_name='parameters')),
            ],
            options={
                'verbose_name': 'channel',
                'verbose_name_plural': 'channels',
                'ordering': ['channel', 'provider'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('in_use', True), models.Q(('channel', 'push'), _negated=True)), fields=('channel',), name='channel_has_one_provider')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalChannelSettings',
            fields=[
                ('provider', models.CharField(choices=[('smtp', 'Mail server (SMTP)'), ('mailbox', 'Files in a folder'), ('aliyun', 'SMS by Aliyun'), ('tencent', 'SMS by Tencent Cloud'), ('fcm', 'Push to Android (FCM)'), ('apns', 'Push to iOS (APNs)'), ('wechat', 'WeChat official account')], db_index=True, max_length=20, verbose_name='provider')),
                ('channel', models.CharField(editable=False, max_length=10, verbose_name='channel')),
                ('in_use', models.BooleanField(default=False, help_text='Off: nothing is sent through this provider.', verbose_name='in use')),
                ('parameters', models.JSONField(blank=True, default=dict, verbose_name='parameters')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical channel',
                'verbose_name_plural': 'historical channels',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalProviderTemplate',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('kind', models.SlugField(help_text='As notifications name it: points_expiring.', max_length=60, verbose_name='kind of message')),
                ('language', models.CharField(choices=[('zh-hans', 'Chinese'), ('en', 'English')], default='zh-hans', max_length=10, verbose_name='language')),
                ('code', models.CharField(help_text='Its number or code at the provider: SMS_154950909.', max_length=80, verbose_name='template')),
                ('variables', models.TextField(blank=True, help_text="A line for each, the provider's name and ours: thing1=tier. Where the provider numbers them: ours alone, in its order.", verbose_name='variables')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('settings', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.channelsettings')),
            ],
            options={
                'verbose_name': 'historical template at the provider',
                'verbose_name_plural': 'historical templates at the provider',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(choices=[('smtp', 'Mail server (SMTP)'), ('mailbox', 'Files in a folder'), ('aliyun', 'SMS by Aliyun'), ('tencent', 'SMS by Tencent Cloud'), ('fcm', 'Push to Android (FCM)'), ('apns', 'Push to iOS (APNs)'), ('wechat', 'WeChat official account')], max_length=20, verbose_name='provider')),
                ('provider_id', models.CharField(max_length=200, verbose_name='number at the provider')),
                ('key', models.CharField(blank=True, help_text='Under which the message was handed over, where the provider tells it.', max_length=200, verbose_name='key')),
                ('state', models.CharField(choices=[('delivered', 'arrived'), ('bounced', 'bounced')], max_length=10, verbose_name='state')),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='what the provider said')),
                ('address_gone', models.BooleanField(default=False, verbose_name='nobody is there any more')),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('times', models.PositiveIntegerField(default=1, verbose_name='how often told')),
                ('recognised', models.BooleanField(default=False, verbose_name='of a message of ours')),
            ],
            options={
                'verbose_name': 'receipt',
                'verbose_name_plural': 'receipts',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['received_at'], name='receipt_by_time'), models.Index(condition=models.Q(('key', ''), _negated=True), fields=['key'], name='receipt_by_key')],
                'constraints': [models.UniqueConstraint(fields=('provider', 'provider_id', 'state'), name='receipt_once')],
            },
        ),
        migrations.CreateModel(
            name='ProviderTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.SlugField(help_text='As notifications name it: points_expiring.', max_length=60, verbose_name='kind of message')),
                ('language', models.CharField(choices=[('zh-hans', 'Chinese'), ('en', 'English')], default='zh-hans', max_length=10, verbose_name='language')),
                ('code', models.CharField(help_text='Its number or code at the provider: SMS_154950909.', max_length=80, verbose_name='template')),
                ('variables', models.TextField(blank=True, help_text="A line for each, the provider's name and ours: thing1=tier. Where the provider numbers them: ours alone, in its order.", verbose_name='variables')),
                ('settings', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='templates', to='accounts.channelsettings')),
            ],
            options={
                'verbose_name': 'template at the provider',
                'verbose_name_plural': 'templates at the provider',
                'ordering': ['kind', 'language'],
                'constraints': [models.UniqueConstraint(fields=('settings', 'kind', 'language'), name='provider_template_once')],
            },
        ),
        migrations.RunPython(load, migrations.RunPython.noop, elidable=False),
    ]
