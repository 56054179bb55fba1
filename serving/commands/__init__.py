"""One file a verb of the `refundlens` command. Each imports what it needs when it runs, so that `--help` is quick."""
