"""Pages for owners and operators: what runs, what waits, what needs somebody."""
