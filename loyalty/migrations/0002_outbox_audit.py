
import loyalty.lib.ids
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_index=True, verbose_name='when')),
                ('actor', models.CharField(db_index=True, max_length=100, verbose_name='who')),
                ('verb', models.CharField(max_length=80, verbose_name='what')),
                ('subject', models.CharField(db_index=True, max_length=200, verbose_name='object')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('figures', models.JSONField(blank=True, default=dict, verbose_name='figures')),
                ('request_id', models.CharField(blank=True, help_text='Stands in the log lines of the same request.', max_length=64, verbose_name='request')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit trail',
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='JobRun',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('job', models.CharField(max_length=80, verbose_name='job')),
                ('status', models.CharField(choices=[('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('abandoned', 'abandoned')], default='running', max_length=10, verbose_name='status')),
                ('started_at', models.DateTimeField(verbose_name='started')),
                ('heartbeat_at', models.DateTimeField(verbose_name='last sign of life')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('runs', models.PositiveIntegerField(default=1, help_text='Runs in a row that found nothing to do share one line.', verbose_name='runs')),
                ('counts', models.JSONField(default=dict, verbose_name='counts')),
                ('error', models.TextField(blank=True, default='', verbose_name='error')),
                ('request_id', models.CharField(blank=True, help_text='Stands in the log lines of the same run.', max_length=64, verbose_name='request')),
            ],
            options={
                'verbose_name': 'job run',
                'verbose_name_plural': 'job runs',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['job', 'id'], name='job_run_by_job')],
            },
        ),
        migrations.CreateModel(
            name='OutboxRow',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('subscriber', models.CharField(help_text='The function that receives the event.', max_length=150, verbose_name='subscriber')),
                ('topic', models.CharField(max_length=80, verbose_name='event')),
                ('member_id', models.UUIDField(null=True, verbose_name='member')),
                ('payload', models.JSONField(verbose_name='content')),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('failed', 'failed'), ('delivered', 'delivered'), ('dropped', 'dropped')], default='waiting', max_length=10, verbose_name='status')),
                ('created_at', models.DateTimeField(verbose_name='happened')),
                ('due_at', models.DateTimeField(verbose_name='next attempt')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='failed attempts')),
                ('last_error', models.TextField(blank=True, default='', verbose_name='last error')),
                ('settled_at', models.DateTimeField(null=True, verbose_name='settled')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'outbox',
                'permissions': [('decide_outboxrow', 'Can retry and drop failed events')],
                'indexes': [models.Index(models.F('subscriber'), models.F('member_id'), models.F('id'), condition=models.Q(('status__in', ('waiting', 'failed'))), name='outbox_line'), models.Index(models.F('due_at'), condition=models.Q(('status', 'waiting')), name='outbox_due')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('settled_at', None), ('status__in', ('waiting', 'failed'))), models.Q(('settled_at__isnull', False), ('status__in', ('delivered', 'dropped'))), _connector='OR'), name='outbox_settled_has_a_time')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditentry',
            trigger=pgtrigger.compiler.Trigger(name='audit_entry_is_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6bb5abdffb16bc9bc7d9e775ad6f09ee917de48c', operation='UPDATE OR DELETE', pgid='pgtrigger_audit_entry_is_append_only_2053e', table='loyalty_auditentry', when='BEFORE')),
        ),
    ]
