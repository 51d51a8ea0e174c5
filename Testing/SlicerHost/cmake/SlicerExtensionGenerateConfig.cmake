# Slicer writes a file here from which other extensions could use compiled parts of this one. Scripted modules have none.
