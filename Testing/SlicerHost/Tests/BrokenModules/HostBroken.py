"""A module file that cannot be imported."""

raise RuntimeError("this module is broken on purpose")
