"""Status pages for each side, without an account: what the link shows and lets its holder do."""
