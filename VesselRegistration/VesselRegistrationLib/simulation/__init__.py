"""Simulated patients: vessel anatomy, contrast filling, tissue, devices and fluoroscopy. Nothing here is patient data."""
