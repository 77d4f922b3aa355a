"""A tally is written with every classification: leave room in its page, vacuum it soon."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("consensus", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE consensus_consensus SET "
            "(fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)",
            "ALTER TABLE consensus_consensus RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        )
    ]
