"""A published tree is never edited: its answers are numbered for ever."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial"), ("common", "0002_log_and_cache")]
    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER append_only BEFORE UPDATE ON workflows_treeversion "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER append_only ON workflows_treeversion",
        )
    ]
