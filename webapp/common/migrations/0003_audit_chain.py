"""Every line of the audit log is chained to the one before when its transaction commits.

Only then, for it takes a lock that the next one waits for: a lock that is taken in the middle of a
transaction could wait for a row that its holder wants.
"""

import django.db.models.deletion
from django.db import migrations, models

CHAIN = """
    CREATE FUNCTION audit_sha256(entry common_auditentry, before text) RETURNS text
    LANGUAGE sql STABLE AS $$
        SELECT encode(sha256(convert_to(jsonb_build_array(
            before, entry.id, (extract(epoch FROM entry.at) * 1000000)::bigint, entry.actor_id,
            entry.action, entry.target, entry.target_id, entry.old, entry.new, entry.reason
        )::text, 'UTF8')), 'hex')
    $$;
    CREATE FUNCTION chain_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        last common_auditlink;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('common_auditlink'));
        SELECT * INTO last FROM common_auditlink ORDER BY place DESC LIMIT 1;
        INSERT INTO common_auditlink (place, entry_id, sha256) VALUES (
            coalesce(last.place, 0) + 1, NEW.id, audit_sha256(NEW, coalesce(last.sha256, '')));
        RETURN NULL;
    END $$;
    DO $$
    DECLARE
        entry common_auditentry;
        place bigint := 0;
        before text := '';
    BEGIN
        FOR entry IN SELECT * FROM common_auditentry ORDER BY id LOOP
            place := place + 1;
            before := audit_sha256(entry, before);
            INSERT INTO common_auditlink (place, entry_id, sha256)
            VALUES (place, entry.id, before);
        END LOOP;
    END $$;
    CREATE CONSTRAINT TRIGGER chained AFTER INSERT ON common_auditentry
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chain_audit_entry();
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON common_auditlink
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
UNCHAIN = """
    DROP TRIGGER append_only ON common_auditlink;
    DROP TRIGGER chained ON common_auditentry;
    DROP FUNCTION chain_audit_entry();
    DROP FUNCTION audit_sha256(common_auditentry, text);
"""


class Migration(migrations.Migration):
    dependencies = [("common", "0002_log_and_cache")]
    operations = [
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                (
                    "place",
                    models.BigIntegerField(
                        help_text="1 is the oldest; none is left out.",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("sha256", models.CharField(max_length=64)),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="link",
                        to="common.auditentry",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(CHAIN, UNCHAIN),
    ]
