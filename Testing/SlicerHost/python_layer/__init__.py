"""Python layer of the test host: what the 3D Slicer application adds to its libraries, in plain Python."""
