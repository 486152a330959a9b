import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


# Whether a member is being erased in this very transaction: nobody else ever sees an erasure under way. The triggers that guard texts of
# rows which are for good ask it (`loyalty/lib/redaction.py`).
ERASING = """
CREATE FUNCTION accounts_erasing() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM accounts_erasure WHERE status = 'under_way');
END $$"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0017_kinds_of_tiers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='member',
            options={'permissions': [('export_member', "Can make and download copies of a member's data"), ('erase_member', 'Can ask for a member to be erased')], 'verbose_name': 'member', 'verbose_name_plural': 'members'},
        ),
        migrations.AddField(
            model_name='member',
            name='merged_into',
            field=models.ForeignKey(blank=True, db_index=False, help_text="Who answers for this member's id since they were merged. Never a merged member itself.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='merged into'),
        ),
        migrations.AlterField(
            model_name='member',
            name='status',
            field=models.CharField(choices=[('active', 'active'), ('closed', 'closed'), ('merged', 'merged'), ('erased', 'erased')], default='active', max_length=10, verbose_name='status'),
        ),
        migrations.AddIndex(
            model_name='member',
            index=models.Index(condition=models.Q(('merged_into__isnull', False)), fields=['merged_into'], name='member_merged'),
        ),
        migrations.AddConstraint(
            model_name='member',
            constraint=models.CheckConstraint(condition=models.Q(('merged_into', models.F('id')), _negated=True), name='member_not_merged_into_itself'),
        ),
        migrations.AddConstraint(
            model_name='member',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('merged_into', None), models.Q(('status', 'merged'), _negated=True)), models.Q(('merged_into__isnull', False), ('status__in', ['merged', 'erased'])), _connector='OR'), name='member_merged_says_into_whom'),
        ),
        migrations.CreateModel(
            name='LeavingTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('erasure_days', models.PositiveSmallIntegerField(default=7, help_text='So many days after the second person approved it, an erasure is carried out. Until then it can be called off. 0: with the next run.', validators=[django.core.validators.MaxValueValidator(90)], verbose_name='days until an erasure')),
                ('copy_days', models.PositiveSmallIntegerField(default=7, help_text='Then the file is deleted; that it was made, and who downloaded it, stays on record.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)], verbose_name='days a copy can be downloaded')),
            ],
            options={
                'verbose_name': 'terms of leaving',
                'verbose_name_plural': 'terms of leaving',
            },
        ),
        migrations.AlterField(
            model_name='storefrontkey',
            name='scopes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('members:read', "members:read – read members' profiles"), ('members:write', 'members:write – register members and change their profiles'), ('members:export', 'members:export – get a copy of all that is kept of a member'), ('tokens:issue', "tokens:issue – get tokens with which members' apps call for themselves"), ('events:write', 'events:write – report what members did, which earns, and claim for them'), ('points:read', 'points:read – balances, entries, lots and quotes'), ('points:spend', "points:spend – hold and spend members' points"), ('purchases:read', 'purchases:read – read purchases and refunds'), ('purchases:write', 'purchases:write – report purchases, refunds and deliveries, which earn, spend and give back points')], max_length=30), blank=True, help_text='What the key may do.', size=None, verbose_name='scopes'),
        ),
        migrations.CreateModel(
            name='Copy',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('waiting', 'being made'), ('ready', 'ready'), ('deleted', 'deleted')], default='waiting', max_length=10, verbose_name='status')),
                ('asked_by', models.CharField(max_length=150, verbose_name='asked by')),
                ('asked_at', models.DateTimeField(verbose_name='asked')),
                ('made_at', models.DateTimeField(blank=True, null=True, verbose_name='made')),
                ('until', models.DateTimeField(blank=True, help_text='The file is deleted then.', null=True, verbose_name='until')),
                ('bytes', models.PositiveBigIntegerField(default=0, verbose_name='bytes')),
                ('rows', models.PositiveBigIntegerField(default=0, verbose_name='rows')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': "copy of a member's data",
                'verbose_name_plural': "copies of members' data",
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('status', 'waiting')), fields=['asked_at'], name='copy_waiting'), models.Index(condition=models.Q(('status', 'ready')), fields=['until'], name='copy_over'), models.Index(fields=['member', '-id'], name='copy_of_member')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'waiting')), fields=('member',), name='copy_one_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'ready'), _negated=True), models.Q(('bytes__gt', 0), ('made_at__isnull', False), ('until__isnull', False)), _connector='OR'), name='copy_ready_has_an_end')],
            },
        ),
        migrations.CreateModel(
            name='CopyPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
                ('copy', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='accounts.copy')),
            ],
            options={
                'verbose_name': 'part of a copy',
                'verbose_name_plural': 'parts of copies',
                'constraints': [models.UniqueConstraint(fields=('copy', 'number'), name='copy_part_once')],
            },
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('waiting', 'waiting for a second person'), ('approved', 'approved, not yet carried out'), ('under_way', 'under way'), ('done', 'carried out'), ('refused', 'refused'), ('called_off', 'called off')], default='waiting', max_length=10, verbose_name='status')),
                ('reason', models.CharField(help_text='Who asked for it, and how you know that it was they. Cleared with the rest.', max_length=300, verbose_name='reason')),
                ('requested_at', models.DateTimeField(verbose_name='requested')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('decision_reason', models.CharField(blank=True, max_length=300, verbose_name='why it was refused or called off')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='carried out from')),
                ('done_at', models.DateTimeField(blank=True, null=True, verbose_name='carried out')),
                ('figures', models.JSONField(blank=True, default=dict, verbose_name='what was cleared')),
                ('decided_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('requested_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='requested by')),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
                'ordering': ['-id'],
                'permissions': [('decide_erasure', 'Can approve, refuse and call off erasures of others')],
                'indexes': [models.Index(condition=models.Q(('status', 'waiting')), fields=['requested_at'], name='erasure_waiting'), models.Index(condition=models.Q(('status', 'approved')), fields=['due_at'], name='erasure_due'), models.Index(condition=models.Q(('status', 'under_way')), fields=['id'], name='erasure_under_way')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['waiting', 'approved', 'under_way'])), fields=('member',), name='erasure_one_open_per_member'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='erasure_has_a_reason'), models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(('decided_by', models.F('requested_by')), _negated=True), ('status', 'called_off'), _connector='OR'), name='erasure_decided_by_another'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('done_at', None), ('due_at', None), ('status', 'waiting')), models.Q(('decided_by__isnull', False), ('done_at', None), ('due_at__isnull', False), ('status__in', ['approved', 'under_way'])), models.Q(('decided_by__isnull', False), ('done_at__isnull', False), ('status', 'done')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('done_at', None), ('status__in', ['refused', 'called_off'])), _connector='OR'), name='erasure_status_says_what_happened')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalLeavingTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('erasure_days', models.PositiveSmallIntegerField(default=7, help_text='So many days after the second person approved it, an erasure is carried out. Until then it can be called off. 0: with the next run.', validators=[django.core.validators.MaxValueValidator(90)], verbose_name='days until an erasure')),
                ('copy_days', models.PositiveSmallIntegerField(default=7, help_text='Then the file is deleted; that it was made, and who downloaded it, stays on record.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)], verbose_name='days a copy can be downloaded')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical terms of leaving',
                'verbose_name_plural': 'historical terms of leaving',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RunSQL(ERASING, "DROP FUNCTION accounts_erasing"),
    ]
