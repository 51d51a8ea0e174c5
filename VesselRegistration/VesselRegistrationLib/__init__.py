"""Vessel model to X-ray registration: reading, C-arm, projection, matching, simulation. No Slicer, no Qt."""
