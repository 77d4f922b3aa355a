from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("classifications", "0012_view"), ("consensus", "0006_imported_tally")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE classifications_classification ADD COLUMN device text NOT NULL DEFAULT ''"
        ),
        migrations.RunSQL("ALTER TABLE consensus_consensus ADD COLUMN n_looks integer"),
    ]
