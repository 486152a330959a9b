
import django.contrib.postgres.fields
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0005_redaction'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('member_id', models.UUIDField(verbose_name='member')),
                ('message_id', models.UUIDField(default=loyalty.lib.ids.new_id, help_text='The same in every attempt and replay.', verbose_name='webhook-id')),
                ('topic', models.CharField(max_length=60, verbose_name='event')),
                ('payload', models.JSONField(verbose_name='content')),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('failed', 'failed'), ('delivered', 'delivered'), ('dropped', 'dropped')], default='waiting', max_length=10, verbose_name='status')),
                ('created_at', models.DateTimeField(verbose_name='happened')),
                ('due_at', models.DateTimeField(verbose_name='next attempt')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='failed attempts')),
                ('claimed_until', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, max_length=320, verbose_name='last error')),
                ('settled_at', models.DateTimeField(null=True, verbose_name='settled')),
            ],
            options={
                'verbose_name': 'webhook delivery',
                'verbose_name_plural': 'webhook deliveries',
                'ordering': ['-id'],
                'indexes': [models.Index(models.F('member_id'), models.F('id'), name='webhook_by_member'), models.Index(models.F('id'), condition=models.Q(('status', 'failed')), name='webhook_dead'), models.Index(models.F('created_at'), name='webhook_by_age')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('settled_at', None), ('status__in', ('waiting', 'failed'))), models.Q(('settled_at__isnull', False), ('status__in', ('delivered', 'dropped'))), _connector='OR'), name='webhook_delivery_settled_has_a_time')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalWebhookEndpoint',
            fields=[
                ('id', models.UUIDField(db_index=True, default=loyalty.lib.ids.new_id, editable=False)),
                ('name', models.CharField(help_text='Which server it is: “web shop, production”.', max_length=100, verbose_name='name')),
                ('url', models.URLField(help_text='Where events are sent to, with https://. It answers with 2xx within ten seconds.', max_length=500, verbose_name='address')),
                ('topics', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), help_text='What it is told. Of anything else nothing is kept for it.', size=None, verbose_name='events')),
                ('generation', models.PositiveIntegerField(default=1, editable=False)),
                ('previous_until', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='old secret signs until')),
                ('created_at', models.DateTimeField(editable=False, verbose_name='made')),
                ('off_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='switched off')),
                ('off_why', models.CharField(blank=True, choices=[('by_hand', 'switched off by an operator'), ('gone', 'it answered that it is gone (410)'), ('failing', 'it failed for five days')], editable=False, max_length=10, verbose_name='why')),
                ('failures', models.PositiveIntegerField(default=0, editable=False, verbose_name='failures in a row')),
                ('failing_since', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='failing since')),
                ('rests_until', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='rests until')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical webhook endpoint',
                'verbose_name_plural': 'historical webhook endpoints',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('member_id', models.UUIDField(db_index=True, verbose_name='member')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('status_code', models.PositiveSmallIntegerField(null=True, verbose_name='HTTP status')),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='answer')),
                ('milliseconds', models.PositiveIntegerField(verbose_name='took (ms)')),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='loyalty.webhookdelivery', verbose_name='webhook delivery')),
            ],
            options={
                'verbose_name': 'webhook attempt',
                'verbose_name_plural': 'webhook attempts',
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='Which server it is: “web shop, production”.', max_length=100, verbose_name='name')),
                ('url', models.URLField(help_text='Where events are sent to, with https://. It answers with 2xx within ten seconds.', max_length=500, verbose_name='address')),
                ('topics', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), help_text='What it is told. Of anything else nothing is kept for it.', size=None, verbose_name='events')),
                ('generation', models.PositiveIntegerField(default=1, editable=False)),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('previous_digest', models.CharField(blank=True, editable=False, max_length=64)),
                ('previous_until', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='old secret signs until')),
                ('created_at', models.DateTimeField(editable=False, verbose_name='made')),
                ('off_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='switched off')),
                ('off_why', models.CharField(blank=True, choices=[('by_hand', 'switched off by an operator'), ('gone', 'it answered that it is gone (410)'), ('failing', 'it failed for five days')], editable=False, max_length=10, verbose_name='why')),
                ('failures', models.PositiveIntegerField(default=0, editable=False, verbose_name='failures in a row')),
                ('failing_since', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='failing since')),
                ('rests_until', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='rests until')),
            ],
            options={
                'verbose_name': 'webhook endpoint',
                'verbose_name_plural': 'webhook endpoints',
                'ordering': ['-id'],
                'permissions': [('replay_webhookendpoint', 'Can replay, test and drop what webhook endpoints are sent')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('off_at', None), ('off_why', '')), models.Q(('off_at__isnull', False), models.Q(('off_why', ''), _negated=True)), _connector='OR'), name='webhook_endpoint_off_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('failing_since', None), ('failures', 0)), models.Q(('failing_since__isnull', False), ('failures__gt', 0)), _connector='OR'), name='webhook_endpoint_fails_since')],
            },
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='endpoint',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.webhookendpoint', verbose_name='webhook endpoint'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.F('member_id'), models.F('id'), condition=models.Q(('status__in', ('waiting', 'failed'))), name='webhook_line'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.F('due_at'), models.F('id'), condition=models.Q(('status', 'waiting')), name='webhook_due'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.F('status'), models.F('id'), name='webhook_by_endpoint'),
        ),
    ]
