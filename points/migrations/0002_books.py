from django.db import migrations

BOOKS = ["points_entry", "points_lot", "points_allocation", "points_hold"]


class Migration(migrations.Migration):
    """What the ORM cannot say: rows of the books hang on the member's account, and rows that change have room to change in place."""

    dependencies = [("points", "0001_initial")]

    operations = [
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_account FOREIGN KEY (member_id) REFERENCES points_account (member_id)",
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_account",
            )
            for table in BOOKS
        ),
        migrations.RunSQL("ALTER TABLE points_account SET (fillfactor = 50)", "ALTER TABLE points_account RESET (fillfactor)"),
        migrations.RunSQL("ALTER TABLE points_lot SET (fillfactor = 80)", "ALTER TABLE points_lot RESET (fillfactor)"),
    ]
