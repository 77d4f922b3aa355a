"""The audit log takes lines and gives none back; the cache has its table."""

from django.core.management import call_command
from django.db import migrations

APPEND_ONLY = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON common_auditentry
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def make_cache_table(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("common", "0001_initial")]
    operations = [
        migrations.RunSQL(
            APPEND_ONLY,
            "DROP TRIGGER append_only ON common_auditentry; DROP FUNCTION refuse_change()",
        ),
        migrations.RunPython(make_cache_table, migrations.RunPython.noop),
    ]
