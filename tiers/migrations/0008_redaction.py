import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tiers", "0007_ladder_plans")]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='growthentry',
            name='growth_entry_stays',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='standingchange',
            name='standing_change_stays',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='growthentry',
            trigger=pgtrigger.compiler.Trigger(name='growth_entry_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='dd6c2542c9b9d5d3a970201177c4ddbbfc01dbaf', operation='DELETE', pgid='pgtrigger_growth_entry_stays_b87b2', table='tiers_growthentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='growthentry',
            trigger=pgtrigger.compiler.Trigger(name='growth_entry_is_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."member_id" IS DISTINCT FROM (NEW."member_id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."fact" IS DISTINCT FROM (NEW."fact") OR OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."growth" IS DISTINCT FROM (NEW."growth") OR OLD."amount_cents" IS DISTINCT FROM (NEW."amount_cents") OR OLD."orders" IS DISTINCT FROM (NEW."orders") OR OLD."rate" IS DISTINCT FROM (NEW."rate") OR OLD."occurred_at" IS DISTINCT FROM (NEW."occurred_at") OR OLD."recorded_at" IS DISTINCT FROM (NEW."recorded_at") OR OLD."actor" IS DISTINCT FROM (NEW."actor"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='639173b858e07188d407d5dfa639fef543f683a9', operation='UPDATE', pgid='pgtrigger_growth_entry_is_append_only_38e5b', table='tiers_growthentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='growthentry',
            trigger=pgtrigger.compiler.Trigger(name='growth_entry_texts_stay', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."subject" IS DISTINCT FROM (NEW."subject") OR OLD."reason" IS DISTINCT FROM (NEW."reason"))', func="IF NOT accounts_erasing() THEN RAISE EXCEPTION 'Texts of % change only while a member is erased', TG_TABLE_NAME; END IF; RETURN NEW;", hash='5dda7b7d3ae7cf4638863a36fa75da75081f6eec', operation='UPDATE', pgid='pgtrigger_growth_entry_texts_stay_fec88', table='tiers_growthentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='standingchange',
            trigger=pgtrigger.compiler.Trigger(name='standing_change_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='8a8cbbb5c2f00e21c717a5de0a51451253448ea8', operation='DELETE', pgid='pgtrigger_standing_change_stays_204d1', table='tiers_standingchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='standingchange',
            trigger=pgtrigger.compiler.Trigger(name='standing_change_is_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."member_id" IS DISTINCT FROM (NEW."member_id") OR OLD."at" IS DISTINCT FROM (NEW."at") OR OLD."before_id" IS DISTINCT FROM (NEW."before_id") OR OLD."tier_id" IS DISTINCT FROM (NEW."tier_id") OR OLD."until" IS DISTINCT FROM (NEW."until") OR OLD."cause" IS DISTINCT FROM (NEW."cause") OR OLD."actor" IS DISTINCT FROM (NEW."actor"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='3fa56f441cb94e419b1f40acd9acecaac4114c29', operation='UPDATE', pgid='pgtrigger_standing_change_is_append_only_30a4f', table='tiers_standingchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='standingchange',
            trigger=pgtrigger.compiler.Trigger(name='standing_change_reason_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."reason" IS DISTINCT FROM (NEW."reason"))', func="IF NOT accounts_erasing() THEN RAISE EXCEPTION 'Texts of % change only while a member is erased', TG_TABLE_NAME; END IF; RETURN NEW;", hash='cff1edd3ec1c79ce09bc46ba23b14e14d3de7deb', operation='UPDATE', pgid='pgtrigger_standing_change_reason_stays_32947', table='tiers_standingchange', when='BEFORE')),
        ),
    ]
