"""Classifications take rows and give none back; handouts need no log of their own."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("classifications", "0001_initial"), ("common", "0002_log_and_cache")]
    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE "
            "ON classifications_classification "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER append_only ON classifications_classification",
        ),
        # What a handout says travels signed with the page; after a crash of PostgreSQL the table
        # is empty, and the pages that are open go on as if nothing had happened.
        migrations.RunSQL(
            "ALTER TABLE classifications_handout SET UNLOGGED",
            "ALTER TABLE classifications_handout SET LOGGED",
        ),
    ]
