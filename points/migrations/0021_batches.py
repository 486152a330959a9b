import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import loyalty.lib.ids


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ("points", "0020_reminders")]

    operations = [
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('grant', 'grant'), ('correction', 'correction'), ('import', 'opening balances')], max_length=10, verbose_name='kind')),
                ('status', models.CharField(choices=[('uploaded', 'waits to be checked'), ('checking', 'being checked'), ('checked', 'checked'), ('submitted', 'waits for a second person'), ('refused', 'refused'), ('withdrawn', 'withdrawn'), ('applying', 'being applied'), ('applied', 'applied'), ('stopped', 'stopped half-way'), ('reversal_asked', 'reversal waits for a second person'), ('reversing', 'being reversed'), ('reversed', 'reversed')], default='uploaded', max_length=14, verbose_name='status')),
                ('paused_at', models.DateTimeField(blank=True, null=True, verbose_name='paused')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='what went wrong')),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('encoding', models.CharField(editable=False, max_length=10)),
                ('separator', models.CharField(editable=False, max_length=1)),
                ('found_by', models.JSONField(editable=False, null=True)),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
                ('cost_centre', models.CharField(blank=True, max_length=50, verbose_name='cost centre')),
                ('shortfall', models.CharField(choices=[('refuse', 'leave that line out'), ('debt', 'take what there is, and let the member owe the rest')], default='refuse', max_length=10, verbose_name='where a member has too few points')),
                ('lines', models.BigIntegerField(default=0, verbose_name='lines')),
                ('checked', models.BigIntegerField(default=0, verbose_name='lines checked')),
                ('cursor', models.BigIntegerField(default=0, editable=False)),
                ('result', models.JSONField(editable=False, null=True)),
                ('applied_lines', models.BigIntegerField(default=0, verbose_name='lines applied')),
                ('refused_lines', models.BigIntegerField(default=0, verbose_name='lines refused')),
                ('given', models.BigIntegerField(default=0, verbose_name='points given')),
                ('taken', models.BigIntegerField(default=0, verbose_name='points taken')),
                ('reversed_lines', models.BigIntegerField(default=0, verbose_name='lines reversed')),
                ('kept_lines', models.BigIntegerField(default=0, verbose_name='lines that could not be reversed')),
                ('owed', models.BigIntegerField(default=0, verbose_name='owed by the reversal')),
                ('waived', models.BigIntegerField(default=0, verbose_name='waived by the reversal')),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('submitted_at', models.DateTimeField(blank=True, null=True, verbose_name='submitted')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('decision_reason', models.CharField(blank=True, max_length=300, verbose_name='why it was refused')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished')),
                ('reversal_at', models.DateTimeField(blank=True, null=True, verbose_name='reversal asked for')),
                ('reversal_reason', models.CharField(blank=True, max_length=300, verbose_name='why it is to be reversed')),
                ('reversal_decided_at', models.DateTimeField(blank=True, null=True, verbose_name='reversal decided')),
                ('reversed_at', models.DateTimeField(blank=True, null=True, verbose_name='reversed')),
                ('decided_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('made_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
                ('reversal_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='reversal asked for by')),
                ('reversal_decided_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='reversal decided by')),
            ],
            options={
                'verbose_name': 'batch of points',
                'verbose_name_plural': 'batches of points',
                'ordering': ['-id'],
                'permissions': [('decide_batch', 'Can approve, refuse and reverse batches of others')],
                'indexes': [models.Index(condition=models.Q(('status__in', ['uploaded', 'checking', 'applying', 'reversing'])), fields=['made_at'], name='batch_worked_on'), models.Index(condition=models.Q(('status__in', ['submitted', 'reversal_asked'])), fields=['submitted_at'], name='batch_waiting'), models.Index(fields=['digest'], name='batch_by_digest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='batch_has_a_reason'), models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(('decided_by', models.F('made_by')), _negated=True), _connector='OR'), name='batch_decided_by_another'), models.CheckConstraint(condition=models.Q(('reversal_decided_by', None), models.Q(('reversal_decided_by', models.F('reversal_by')), _negated=True), _connector='OR'), name='batch_reversal_decided_by_another'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ('applying', 'applied', 'stopped', 'reversal_asked', 'reversing', 'reversed')), _negated=True), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='batch_applied_was_decided'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['reversing', 'reversed']), _negated=True), models.Q(('reversal_by__isnull', False), ('reversal_decided_by__isnull', False)), _connector='OR'), name='batch_reversed_was_decided')],
            },
        ),
        migrations.CreateModel(
            name='BatchLine',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(help_text='In the file, whose first line are the names of its columns.', verbose_name='line')),
                ('status', models.CharField(choices=[('faulty', 'faulty'), ('ready', 'can be applied'), ('applied', 'applied'), ('refused', 'refused'), ('reversed', 'reversed'), ('kept', 'could not be reversed')], max_length=10, verbose_name='status')),
                ('points', models.BigIntegerField(null=True, verbose_name='points')),
                ('earned_on', models.DateField(null=True, verbose_name='earned on')),
                ('expiry', models.CharField(blank=True, max_length=40, verbose_name='expires')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('cost_centre', models.CharField(blank=True, max_length=50, verbose_name='cost centre')),
                ('before', models.BigIntegerField(help_text='Available when it was checked, earlier lines of the batch counted; below zero: owed.', null=True, verbose_name='before')),
                ('faults', models.JSONField(default=list, verbose_name='faults')),
                ('cells', models.JSONField(editable=False, null=True)),
                ('batch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.batch', verbose_name='batch')),
                ('entry', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.entry', verbose_name='entry')),
                ('member', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('undone_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.entry', verbose_name='reversed by')),
            ],
            options={
                'verbose_name': 'line of a batch',
                'verbose_name_plural': 'lines of batches',
                'ordering': ['batch', 'number'],
                'indexes': [models.Index(fields=['batch', 'status', 'number'], name='batch_line_by_status'), models.Index(condition=models.Q(('member__isnull', False)), fields=['member', 'batch'], name='batch_line_of_member')],
                'constraints': [models.UniqueConstraint(fields=('batch', 'number'), name='batch_line_once'), models.CheckConstraint(condition=models.Q(models.Q(('entry', None), ('status', 'faulty')), models.Q(('member__isnull', False), ('points__isnull', False), models.Q(models.Q(('entry', None), ('status__in', ['ready', 'refused'])), models.Q(('entry__isnull', False), ('status__in', ['applied', 'kept']), ('undone_by', None)), models.Q(('entry__isnull', False), ('status', 'reversed'), ('undone_by__isnull', False)), _connector='OR')), _connector='OR'), name='batch_line_says_what_happened')],
            },
        ),
        migrations.CreateModel(
            name='BatchPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
                ('batch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='points.batch')),
            ],
            options={
                'verbose_name': 'part of a file',
                'verbose_name_plural': 'parts of files',
                'constraints': [models.UniqueConstraint(fields=('batch', 'number'), name='batch_part_once')],
            },
        ),
        migrations.AddIndex(
            model_name='decision',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['decided_at'], name='decision_decided'),
        ),
    ]
