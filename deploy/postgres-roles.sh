#!/bin/sh
# Run once by the database's image, when its volume is empty: the role that serves the site (and sees how old others' transactions are), and the extension.
set -eu
password=$(cat /run/secrets/site_password)
psql --set ON_ERROR_STOP=1 --set password="$password" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE EXTENSION IF NOT EXISTS vector;
CREATE ROLE site LOGIN PASSWORD :'password';
GRANT pg_read_all_stats TO site;
SQL
