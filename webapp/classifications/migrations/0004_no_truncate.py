"""Nor are the append-only tables emptied at once, unless somebody says so for the session."""

from django.db import migrations

TABLES = ("classifications_classification", "common_auditentry", "workflows_treeversion")
FUNCTION = """
    CREATE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(current_setting('tuningfork.may_truncate', true), '') <> 'on' THEN
            RAISE EXCEPTION '% is append-only: TRUNCATE is refused', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("classifications", "0003_index_of_test_votes"),
        ("common", "0002_log_and_cache"),
        ("workflows", "0002_trees_never_change"),
    ]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION refuse_truncate()"),
        *[
            migrations.RunSQL(
                f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate()",
                f"DROP TRIGGER never_emptied ON {table}",
            )
            for table in TABLES
        ],
    ]
