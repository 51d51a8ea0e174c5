# What an extension of scripted modules gets from `include(${Slicer_USE_FILE})`, beside the application's stand-in.

if(NOT PROJECT_NAME)
  message(FATAL_ERROR "project() comes before include(\${Slicer_USE_FILE}).")
endif()
set(EXTENSION_NAME "${PROJECT_NAME}")
set(EXTENSION_SOURCE_DIR "${PROJECT_SOURCE_DIR}")
if(NOT DEFINED EXTENSION_DEPENDS)
  set(EXTENSION_DEPENDS NA)
endif()

# Emptied at each configuration: a file staged by an earlier list would hide that the present one forgot it.
file(REMOVE_RECURSE "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}")

include(CTest)
include("${CMAKE_CURRENT_LIST_DIR}/SlicerMacroPythonTesting.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/SlicerMacroBuildScriptedModule.cmake")
