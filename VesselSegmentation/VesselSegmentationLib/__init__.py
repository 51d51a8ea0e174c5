"""Vessel segmentation in X-ray frames: network, losses, metrics, preprocessing, training. No Slicer, no Qt."""
