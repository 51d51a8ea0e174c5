"""Simulated patients: vessel anatomy, contrast filling, tissue, devices, fluoroscopy. Nothing here is patient data."""
