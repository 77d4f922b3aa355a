"""What every app stands on: long work, the audit log, errors, paging, logs."""
