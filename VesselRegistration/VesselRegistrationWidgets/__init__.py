"""The panel of the VesselRegistration module: one file per step of the work, and what they share."""
