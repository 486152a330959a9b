import django.db.models.deletion
import loyalty.lib.ids
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0018_member_life"),
        ("points", "0022_inactivity"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Merge',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('waiting', 'waiting for a second person'), ('applied', 'applied'), ('refused', 'refused'), ('withdrawn', 'withdrawn')], default='waiting', max_length=10, verbose_name='status')),
                ('reason', models.CharField(help_text='How you know that both are one person. Kept for good.', max_length=300, verbose_name='reason')),
                ('requested_at', models.DateTimeField(verbose_name='requested')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('decision_reason', models.CharField(blank=True, max_length=300, verbose_name='why it was refused')),
                ('figures', models.JSONField(blank=True, default=dict, verbose_name='what moved')),
                ('decided_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('merged', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='is merged')),
                ('requested_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='requested by')),
                ('survivor', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='survives')),
            ],
            options={
                'verbose_name': 'merge of members',
                'verbose_name_plural': 'merges of members',
                'ordering': ['-requested_at', '-id'],
                'permissions': [('decide_merge', 'Can approve and refuse merges of others')],
                'indexes': [models.Index(fields=['-requested_at', '-id'], name='merge_newest'), models.Index(condition=models.Q(('status', 'waiting')), fields=['requested_at'], name='merge_waiting'), models.Index(fields=['survivor'], name='merge_survivor')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['waiting', 'applied'])), fields=('merged',), name='merge_once'), models.CheckConstraint(condition=models.Q(('merged', models.F('survivor')), _negated=True), name='merge_of_two'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='merge_has_a_reason'), models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(('decided_by', models.F('requested_by')), _negated=True), _connector='OR'), name='merge_decided_by_another'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('status', 'waiting')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('status__in', ['applied', 'refused'])), models.Q(('decided_at__isnull', False), ('decided_by', None), ('status', 'withdrawn')), _connector='OR'), name='merge_status_says_what_happened')],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='entry',
            name='entry_is_append_only',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='hold',
            name='hold_is_pinned',
        ),
        migrations.AddField(
            model_name='account',
            name='merged_into',
            field=models.UUIDField(editable=False, null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entry_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='e7abbfb4b9a9d053875d0ee162c0a299d96d0a38', operation='DELETE', pgid='pgtrigger_entry_stays_a6fb2', table='points_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entry_is_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."member_id" IS DISTINCT FROM (NEW."member_id") OR OLD."seq" IS DISTINCT FROM (NEW."seq") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."points" IS DISTINCT FROM (NEW."points") OR OLD."available_change" IS DISTINCT FROM (NEW."available_change") OR OLD."held_change" IS DISTINCT FROM (NEW."held_change") OR OLD."pending_change" IS DISTINCT FROM (NEW."pending_change") OR OLD."debt_change" IS DISTINCT FROM (NEW."debt_change") OR OLD."balance_after" IS DISTINCT FROM (NEW."balance_after") OR OLD."waived" IS DISTINCT FROM (NEW."waived") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."refers_to_id" IS DISTINCT FROM (NEW."refers_to_id") OR OLD."actor" IS DISTINCT FROM (NEW."actor") OR OLD."occurred_at" IS DISTINCT FROM (NEW."occurred_at") OR OLD."recorded_at" IS DISTINCT FROM (NEW."recorded_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='58aaf27198e3f3e54a1b6e20c9f2f4f0772fd3fe', operation='UPDATE', pgid='pgtrigger_entry_is_append_only_ef458', table='points_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='entry_texts_stay', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."subject" IS DISTINCT FROM (NEW."subject") OR OLD."reason" IS DISTINCT FROM (NEW."reason"))', func="IF NOT accounts_erasing() THEN RAISE EXCEPTION 'Texts of % change only while a member is erased', TG_TABLE_NAME; END IF; RETURN NEW;", hash='122175c4c45e2d7839e8c712904061430e96d4e4', operation='UPDATE', pgid='pgtrigger_entry_texts_stay_5f90e', table='points_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='hold_is_pinned', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."member_id" IS DISTINCT FROM (NEW."member_id") OR OLD."entry_id" IS DISTINCT FROM (NEW."entry_id") OR OLD."points" IS DISTINCT FROM (NEW."points") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='537a6c2c7698926513775b29e05211791ab22a88', operation='UPDATE', pgid='pgtrigger_hold_is_pinned_fe0b1', table='points_hold', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='hold_subject_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."subject" IS DISTINCT FROM (NEW."subject"))', func="IF NOT accounts_erasing() THEN RAISE EXCEPTION 'Texts of % change only while a member is erased', TG_TABLE_NAME; END IF; RETURN NEW;", hash='8ea6445c43230c13d9532095f9546bd7010eb0d0', operation='UPDATE', pgid='pgtrigger_hold_subject_stays_6a60d', table='points_hold', when='BEFORE')),
        ),
    ]
