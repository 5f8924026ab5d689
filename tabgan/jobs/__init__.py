"""Jobs: whole runs, described in YAML."""
