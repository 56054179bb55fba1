"""What several folders of tests build on."""
