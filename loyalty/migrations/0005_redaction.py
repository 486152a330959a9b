import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0004_jobs'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='auditentry',
            name='audit_entry_is_append_only',
        ),
        migrations.AddField(
            model_name='answeredrequest',
            name='member_id',
            field=models.UUIDField(null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditentry',
            trigger=pgtrigger.compiler.Trigger(name='audit_entry_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='4a126173094cda3501614c16e75e09e90fd44a0e', operation='DELETE', pgid='pgtrigger_audit_entry_stays_0c46d', table='loyalty_auditentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditentry',
            trigger=pgtrigger.compiler.Trigger(name='audit_entry_is_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."at" IS DISTINCT FROM (NEW."at") OR OLD."actor" IS DISTINCT FROM (NEW."actor") OR OLD."verb" IS DISTINCT FROM (NEW."verb") OR OLD."request_id" IS DISTINCT FROM (NEW."request_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='9a6db42d007a036a98fb695a822c1366b76e3059', operation='UPDATE', pgid='pgtrigger_audit_entry_is_append_only_2053e', table='loyalty_auditentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditentry',
            trigger=pgtrigger.compiler.Trigger(name='audit_entry_texts_stay', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."subject" IS DISTINCT FROM (NEW."subject") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."figures" IS DISTINCT FROM (NEW."figures"))', func="IF NOT accounts_erasing() THEN RAISE EXCEPTION 'Texts of % change only while a member is erased', TG_TABLE_NAME; END IF; RETURN NEW;", hash='41c303730a83fd42db4385f650e6132f06a02394', operation='UPDATE', pgid='pgtrigger_audit_entry_texts_stay_f9427', table='loyalty_auditentry', when='BEFORE')),
        ),
    ]
