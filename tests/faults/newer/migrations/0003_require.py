from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("newer", "0002_fill")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE consensus_consensus"
            " ADD CONSTRAINT n_looks_not_negative CHECK (n_looks >= 0) NOT VALID"
        ),
        migrations.RunSQL(
            "ALTER TABLE consensus_consensus VALIDATE CONSTRAINT n_looks_not_negative"
        ),
    ]
