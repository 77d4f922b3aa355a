import time

from django.db import migrations


def fill(apps, schema_editor):
    """Fill a galaxy at a time, so that no vote waits; go on where an earlier try was killed."""
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(
                "UPDATE consensus_consensus SET n_looks = 0 WHERE id ="
                " (SELECT min(id) FROM consensus_consensus WHERE n_looks IS NULL)"
            )
            if not cursor.rowcount:
                return
            time.sleep(0.1)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("newer", "0001_expand")]
    operations = [migrations.RunPython(fill)]
