import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

# Who has left neither earns nor uses points, like who is blocked.
BLOCKED = """
CREATE OR REPLACE FUNCTION riskcontrol_blocked(of_member uuid, moment timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM riskcontrol_blocklistentry b WHERE b.member_id = of_member AND b.lifted_at IS NULL AND (b.until IS NULL OR b.until > moment))
        OR EXISTS (SELECT FROM accounts_member m WHERE m.id = of_member AND m.status IN ('closed', 'erased'));
END $$"""
BLOCKED_BEFORE = """
CREATE OR REPLACE FUNCTION riskcontrol_blocked(of_member uuid, moment timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM riskcontrol_blocklistentry b WHERE b.member_id = of_member AND b.lifted_at IS NULL AND (b.until IS NULL OR b.until > moment));
END $$"""


class Migration(migrations.Migration):

    dependencies = [
        ('riskcontrol', '0002_blocked'),
        ('accounts', '0018_member_life'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='blocklistentry',
            name='block_list_entry_is_pinned',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='blocklistentry',
            trigger=pgtrigger.compiler.Trigger(name='block_list_entry_is_pinned', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."member_id" IS DISTINCT FROM (NEW."member_id") OR OLD."blocked_by" IS DISTINCT FROM (NEW."blocked_by") OR OLD."blocked_at" IS DISTINCT FROM (NEW."blocked_at") OR OLD."until" IS DISTINCT FROM (NEW."until"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='cef0229f5c3503ea56c85341f258bc0dd7fd72cc', operation='UPDATE', pgid='pgtrigger_block_list_entry_is_pinned_a671d', table='riskcontrol_blocklistentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='blocklistentry',
            trigger=pgtrigger.compiler.Trigger(name='block_list_reason_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."reason" IS DISTINCT FROM (NEW."reason"))', func="IF NOT accounts_erasing() THEN RAISE EXCEPTION 'Texts of % change only while a member is erased', TG_TABLE_NAME; END IF; RETURN NEW;", hash='7b95c8eac343dca4d4d3504ae7dcaa014972fb64', operation='UPDATE', pgid='pgtrigger_block_list_reason_stays_1758e', table='riskcontrol_blocklistentry', when='BEFORE')),
        ),
        migrations.RunSQL(BLOCKED, BLOCKED_BEFORE),
    ]
