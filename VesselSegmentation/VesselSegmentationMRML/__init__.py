"""Logic of the VesselSegmentation module: MRML nodes in, MRML nodes out, on the scene it is given. No widgets."""
