"""Logic of the VesselRegistration module: MRML nodes in, MRML nodes out, on the scene it is given. No widgets.

The scene's world (RAS) is the isocentre of the C-arm. X-ray pictures stand where the detector was; the vessel model
hangs under the pose, the transform from its own coordinates to the isocentre.
"""
