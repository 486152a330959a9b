from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("points", "0015_simulation")]

    operations = [
        migrations.CreateModel(
            name="Offer",
            fields=[],
            options={"verbose_name": "points to be claimed", "verbose_name_plural": "points to be claimed", "proxy": True, "indexes": [], "constraints": []},
            bases=("points.grant",),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(condition=models.Q(("trace__isnull", False)), fields=["decided_at"], name="decision_explained"),
        ),
        migrations.AddIndex(model_name="decision", index=models.Index(fields=["fact", "-id"], name="decision_of_kind")),
        migrations.AddIndex(model_name="decision", index=models.Index(condition=models.Q(("points", 0)), fields=["-id"], name="decision_without_points")),
        migrations.AddIndex(
            model_name="decision", index=models.Index(condition=models.Q(("screened", ""), _negated=True), fields=["-id"], name="decision_screened")
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(condition=models.Q(("claim_until__isnull", False)), fields=["member", "-id"], name="grant_claimable"),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(condition=models.Q(("claim_until__isnull", False)), fields=["-id"], name="grant_claimable_of_all"),
        ),
    ]
