"""Stand-ins of the Qt layer."""
