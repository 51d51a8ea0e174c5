"""Widgets of the VesselSegmentation module, the child processes that work for them, and the check of dependencies."""
