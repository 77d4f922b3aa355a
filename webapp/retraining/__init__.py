"""Training a campaign's network again on its votes, and judging it beside the one in use."""
